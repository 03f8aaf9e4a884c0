package org.dpocket.core;

import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import org.junit.Test;

/** Vectors that were changed, or whose arrays reach beyond their file, are refused. */
public class VectorsTest {
    @Test
    public void aChangedByteIsFound() throws Exception {
        byte[] data = Golden.bytes("core.bin");
        data[1000] ^= 1;
        refused(Golden.description(), data, "not those");
    }

    @Test
    public void anArrayBeyondItsFileIsRefused() throws Exception {
        byte[] data = Golden.bytes("core.bin");
        String sound = Golden.description();
        String shape = "\"shape\": [9, 14]";
        refused(sound.replace(shape, "\"shape\": [9000, 140000]"), data, "does not fit");
        refused(sound.replace(shape, "\"shape\": [70000, 70000, 70000]"), data, "does not fit");
        refused(sound.replace(shape, "\"shape\": [-9, 14]"), data, "does not fit");
        refused(sound.replace("\"offset\": 0,", "\"offset\": " + data.length + ","), data, "does not fit");
        refused(sound.replace("\"uint16\"", "\"uint17\""), data, "uint17");
        refused(sound.replace("dpocket-vectors", "others"), data, "no file of golden vectors");
    }

    private static void refused(String json, byte[] data, String reason) {
        try {
            Vectors.read(json, data);
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains(reason));
            return;
        }
        fail("read, although " + reason);
    }
}
