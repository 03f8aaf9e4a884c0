package org.dpocket.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;

/** The vectors in android_demo/tests/golden, and comparisons of bits. */
final class Golden {
    private static final String FOLDER = System.getProperty("dpocket.golden", "android_demo/tests/golden");

    private Golden() {}

    static String description() throws IOException {
        return new String(bytes("core.json"), Charset.forName("UTF-8"));
    }

    static byte[] bytes(String file) throws IOException {
        Path path = Paths.get(FOLDER, file);
        return Files.readAllBytes(path);
    }

    /** All cases of a kind; at least one, so that no loop over them is empty. */
    static List<Vectors.Case> cases(String kind) throws Exception {
        List<Vectors.Case> wanted = new ArrayList<Vectors.Case>();
        for (Vectors.Case each : Vectors.read(description(), bytes("core.bin"))) {
            if (each.kind.equals(kind)) {
                wanted.add(each);
            }
        }
        assertTrue("no golden case of the kind " + kind, !wanted.isEmpty());
        return wanted;
    }

    static Plane plane(Vectors.Case of, String name) throws DpException {
        Vectors.Stored stored = of.array(name);
        return new Plane(stored.floats(), stored.side(-2), stored.side(-1));
    }

    static void assertSameBits(String what, Plane expected, Plane found) {
        assertEquals(what + ": height", expected.height, found.height);
        assertEquals(what + ": width", expected.width, found.width);
        assertSameBits(what, expected.values, found.values);
    }

    static void assertSameBits(String what, float[] expected, float[] found) {
        assertEquals(what + ": length", expected.length, found.length);
        int differing = 0;
        String first = "";
        for (int i = 0; i < expected.length; i++) {
            if (Float.floatToRawIntBits(expected[i]) != Float.floatToRawIntBits(found[i])) {
                first = differing++ == 0 ? " (" + expected[i] + " became " + found[i] + " at " + i + ")" : first;
            }
        }
        assertEquals(what + ": values that differ in a bit" + first, 0, differing);
    }
}
