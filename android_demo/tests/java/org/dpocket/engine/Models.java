package org.dpocket.engine;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;
import static org.junit.Assume.assumeTrue;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.dpocket.core.Contract;
import org.dpocket.core.DpException;
import org.dpocket.core.TensorSpec;
import org.dpocket.core.Vectors;

/** The student's files, their golden pair, and what both engines must do with them. */
final class Models {
    private static final String FOLDER = System.getProperty("dpocket.assets");
    /** Full scale of a float32 output, as a share: roundings in another order part floats. */
    private static final double FLOAT_TOLERANCE = 2e-6;

    interface Opener {
        Engine open(File model, Contract contract, int threads) throws DpException;
    }

    private Models() {}

    /** Leaves the test undone, with the reason, where the library named by {@code property} is not on this machine. */
    static void assumeLibrary(String property) {
        assumeTrue(System.getProperty(property + ".absent", "the system property " + property + " is not set"),
            System.getProperty(property) != null);
        assumeTrue("the system property dpocket.assets names no folder", FOLDER != null);
    }

    static File file(String suffix) {
        return new File(FOLDER, "student_" + System.getProperty("dpocket.precision", "int8") + suffix);
    }

    static Contract contract() throws Exception {
        return Contract.parse(text("contract.json"));
    }

    static String text(String name) throws Exception {
        return new String(Files.readAllBytes(new File(FOLDER, name).toPath()), Charset.forName("UTF-8"));
    }

    /** A tile of the capture that ships, and full-range random input; outputs are the reference interpreter's. */
    static List<Vectors.Case> golden() throws Exception {
        return Vectors.read(text("pair.json"), Files.readAllBytes(new File(FOLDER, "pair.bin").toPath()));
    }

    static Map<String, ByteBuffer> inputs(Contract contract, Vectors.Case pair) throws DpException {
        Map<String, ByteBuffer> inputs = new HashMap<String, ByteBuffer>();
        for (TensorSpec spec : contract.inputs) {
            inputs.put(spec.name, pair.array("input." + spec.name).direct());
        }
        return inputs;
    }

    static Map<String, ByteBuffer> outputs(Contract contract) {
        Map<String, ByteBuffer> outputs = new HashMap<String, ByteBuffer>();
        for (TensorSpec spec : contract.outputs) {
            outputs.put(spec.name, spec.buffer());
        }
        return outputs;
    }

    static void assertReference(Contract contract, Vectors.Case pair, Map<String, ByteBuffer> found) throws DpException {
        for (TensorSpec spec : contract.outputs) {
            ByteBuffer wanted = pair.array("output." + spec.name).direct();
            ByteBuffer made = found.get(spec.name);
            String what = pair.name + ", " + spec.name;
            assertEquals(what, wanted.capacity(), made.capacity());
            if (spec.isReal()) {
                assertClose(what, spec, wanted, made);
            } else {
                byte[] one = new byte[wanted.capacity()];
                byte[] other = new byte[wanted.capacity()];
                wanted.get(one);
                made.duplicate().get(other);
                assertTrue(what + " differs from the reference", Arrays.equals(one, other));
            }
        }
    }

    private static void assertClose(String what, TensorSpec spec, ByteBuffer wanted, ByteBuffer made) {
        for (int i = 0; i < spec.count(); i++) {
            assertEquals(what + " at " + i, wanted.getFloat(4 * i), made.getFloat(4 * i), FLOAT_TOLERANCE * (spec.high - spec.low));
        }
    }

    /** Every pair, twice: an engine keeps nothing of what it ran before. */
    static void assertRunsGolden(Opener opener, File model) throws Exception {
        Contract contract = contract();
        List<Vectors.Case> golden = golden();
        assertEquals(2, golden.size());
        try (Engine engine = opener.open(model, contract, 1)) {
            Map<String, ByteBuffer> made = outputs(contract);
            for (int turn = 0; turn < 2; turn++) {
                for (Vectors.Case pair : golden) {
                    engine.run(inputs(contract, pair), made);
                    assertReference(contract, pair, made);
                }
            }
        }
    }

    static void assertRefused(Opener opener, File model, String expected) throws Exception {
        try (Engine engine = opener.open(model, contract(), 1)) {
            fail("opened " + model + " as " + engine.runtime());
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains(expected));
        }
    }

    /** The first {@code share} of a model, as a file. */
    static File truncated(File model, double share) throws Exception {
        byte[] whole = Files.readAllBytes(model.toPath());
        File part = File.createTempFile("truncated", model.getName().substring(model.getName().lastIndexOf('.')));
        part.deleteOnExit();
        Files.write(part.toPath(), Arrays.copyOf(whole, (int) (whole.length * share)));
        return part;
    }

    /** What happens to a run whose buffers are not those of the contract. */
    static void assertBuffersChecked(Opener opener, File model) throws Exception {
        Contract contract = contract();
        Map<String, ByteBuffer> good = inputs(contract, golden().get(0));
        try (Engine engine = opener.open(model, contract, 1)) {
            Map<String, ByteBuffer> lacking = new HashMap<String, ByteBuffer>(good);
            lacking.remove("right");
            assertRunRefused(engine, lacking, outputs(contract), "no buffer was given for the input 'right'");
            Map<String, ByteBuffer> small = new HashMap<String, ByteBuffer>(good);
            small.put("left", ByteBuffer.allocateDirect(good.get("left").capacity() - 1));
            assertRunRefused(engine, small, outputs(contract), "left takes");
            Map<String, ByteBuffer> onHeap = new HashMap<String, ByteBuffer>(good);
            onHeap.put("left", ByteBuffer.allocate(good.get("left").capacity()));
            assertRunRefused(engine, onHeap, outputs(contract), "direct buffer");
            Map<String, ByteBuffer> unwritable = outputs(contract);
            unwritable.put("disparity", unwritable.get("disparity").asReadOnlyBuffer());
            assertRunRefused(engine, good, unwritable, "cannot be written");
            Map<String, ByteBuffer> made = outputs(contract);
            engine.run(good, made);
            assertReference(contract, golden().get(0), made);
            engine.close();
            assertRunRefused(engine, good, made, "the model was closed");
        }
    }

    private static void assertRunRefused(Engine engine, Map<String, ByteBuffer> inputs, Map<String, ByteBuffer> outputs,
        String expected) {
        try {
            engine.run(inputs, outputs);
            fail("ran where '" + expected + "' was expected");
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains(expected));
        }
    }
}
