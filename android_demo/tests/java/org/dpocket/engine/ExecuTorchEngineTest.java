package org.dpocket.engine;

import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.io.File;
import org.dpocket.core.Contract;
import org.dpocket.core.DpException;
import org.junit.Before;
import org.junit.Test;

/** The app's use of ExecuTorch's Java API, over a double of it that runs the real student on ExecuTorch's C++ library. */
public class ExecuTorchEngineTest {
    private final Models.Opener opener = new Models.Opener() {
        @Override
        public Engine open(File model, Contract contract, int threads) throws DpException {
            return ExecuTorchEngine.open(model, contract, threads);
        }
    };

    @Before
    public void library() {
        Models.assumeLibrary("dpocket.executorch");
    }

    @Test
    public void outputsAreTheReferencesOnTheCaptureAndOnRandomInput() throws Exception {
        Models.assertRunsGolden(opener, Models.file(".pte"));
    }

    @Test
    public void buffersAreCheckedBeforeAnythingRuns() throws Exception {
        Models.assertBuffersChecked(opener, Models.file(".pte"));
    }

    @Test
    public void missingModelIsRefused() throws Exception {
        Models.assertRefused(opener, new File("/nonexistent/student.pte"), "student.pte cannot be read");
    }

    @Test
    public void truncatedModelIsRefused() throws Exception {
        for (double share : new double[] {0.02, 0.3, 0.6, 0.9}) {
            Models.assertRefused(opener, Models.truncated(Models.file(".pte"), share), "ExecuTorch refuses the model");
        }
        Models.assertRefused(opener, Models.truncated(Models.file(".pte"), 0), "has 0 bytes");
    }

    @Test
    public void anotherKindOfFileIsRefused() throws Exception {
        Models.assertRefused(opener, Models.file(".tflite"), "not a .pte file");
    }

    @Test
    public void numberOfThreadsIsChecked() throws Exception {
        try (Engine engine = opener.open(Models.file(".pte"), Models.contract(), 0)) {
            fail("opened as " + engine.runtime());
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains("0 threads were asked for"));
        }
    }
}
