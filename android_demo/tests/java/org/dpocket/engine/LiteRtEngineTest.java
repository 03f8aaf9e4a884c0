package org.dpocket.engine;

import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;
import static org.junit.Assume.assumeTrue;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.file.Files;
import org.dpocket.core.Contract;
import org.dpocket.core.DpException;
import org.junit.Before;
import org.junit.Test;

/** The app's JNI over the real libLiteRt.so, on the real student. */
public class LiteRtEngineTest {
    private final Models.Opener opener = new Models.Opener() {
        @Override
        public Engine open(File model, Contract contract, int threads) throws DpException {
            return LiteRtEngine.open(ModelFile.read(model), contract, threads);
        }
    };

    @Before
    public void library() {
        Models.assumeLibrary(LiteRtEngine.LIBRARY_PROPERTY);
    }

    @Test
    public void outputsAreTheReferencesOnTheCaptureAndOnRandomInput() throws Exception {
        Models.assertRunsGolden(opener, Models.file(".tflite"));
    }

    @Test
    public void wholeStudentIsInTheDelegate() throws Exception {
        try (Engine engine = opener.open(Models.file(".tflite"), Models.contract(), 2)) {
            assertTrue(engine.runtime(), engine.runtime().equals("LiteRT, all of it in XNNPACK, 2 threads"));
        }
    }

    @Test
    public void buffersAreCheckedBeforeAnythingRuns() throws Exception {
        Models.assertBuffersChecked(opener, Models.file(".tflite"));
    }

    @Test
    public void missingModelIsRefused() throws Exception {
        Models.assertRefused(opener, new File("/nonexistent/student.tflite"), "student.tflite cannot be read");
    }

    @Test
    public void truncatedModelIsRefused() throws Exception {
        for (double share : new double[] {0.02, 0.3, 0.6, 0.9}) {
            Models.assertRefused(opener, Models.truncated(Models.file(".tflite"), share), "LiteRT cannot");
        }
        Models.assertRefused(opener, Models.truncated(Models.file(".tflite"), 0), "has 0 bytes");
    }

    @Test
    public void anotherKindOfFileIsRefused() throws Exception {
        Models.assertRefused(opener, Models.file(".pte"), "not a .tflite file");
    }

    @Test
    public void modelOfAnotherContractIsRefused() throws Exception {
        String json = Models.text("contract.json");
        assumeTrue("float32 has no other type of its size", json.contains("\"int8\""));
        Contract other = Contract.parse(json.replace("\"int8\"", "\"uint8\""));
        try (Engine engine = LiteRtEngine.open(ModelFile.read(Models.file(".tflite")), other, 1)) {
            fail("opened as " + engine.runtime());
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains("'left' is not the uint8 of"));
        }
    }

    @Test
    public void modelOnTheHeapIsRefused() throws Exception {
        try (Engine engine = LiteRtEngine.open(ByteBuffer.allocate(64), Models.contract(), 1)) {
            fail("opened as " + engine.runtime());
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains("direct buffer"));
        }
    }

    @Test
    public void numberOfThreadsIsChecked() throws Exception {
        try (Engine engine = opener.open(Models.file(".tflite"), Models.contract(), 0)) {
            fail("opened as " + engine.runtime());
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains("0 threads were asked for"));
        }
    }

    @Test
    public void missingRuntimeIsToldInWords() throws Exception {
        String library = System.getProperty(LiteRtEngine.LIBRARY_PROPERTY);
        System.setProperty(LiteRtEngine.LIBRARY_PROPERTY, "/nonexistent/libLiteRt.so");
        try {
            Models.assertRefused(opener, Models.file(".tflite"), "LiteRT's library cannot be loaded");
        } finally {
            System.setProperty(LiteRtEngine.LIBRARY_PROPERTY, library);
        }
    }

    @Test
    public void openingAndClosingAgainAndAgainLeavesNoMemoryBehind() throws Exception {
        // Bytes after the model are none of it, so that every copy that stayed behind would be 1 MiB.
        ByteBuffer model = ModelFile.read(Models.file(".tflite"));
        ByteBuffer padded = ByteBuffer.allocateDirect(Math.max(model.capacity(), 1 << 20));
        padded.put(model);
        openAndClose(padded, 20);
        long before = residentKib();
        openAndClose(padded, 100);
        long grown = residentKib() - before;
        assertTrue(grown + " KiB after 100 engines", grown < 40 * 1024);
    }

    private static void openAndClose(ByteBuffer model, int times) throws Exception {
        for (int i = 0; i < times; i++) {
            LiteRtEngine.open(model, Models.contract(), 1).close();
        }
    }

    private static long residentKib() throws Exception {
        for (String line : Files.readAllLines(new File("/proc/self/status").toPath(), Charset.forName("UTF-8"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new IllegalStateException("/proc/self/status has no VmRSS");
    }
}
