package org.dpocket.app;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import org.dpocket.core.Backend;
import org.dpocket.core.Contract;
import org.dpocket.core.DpException;
import org.dpocket.engine.Engine;
import org.dpocket.engine.ExecuTorchEngine;
import org.dpocket.engine.LiteRtEngine;
import org.dpocket.engine.ModelFile;

/** The runtimes of the app, the preferred one first. Both run integers on XNNPACK. */
final class Backends {
    private static final String DIALECT = "xnnpack";

    private Backends() {}

    static List<Backend> all() {
        // More threads than fast cores make a phone slower; half of all cores are fast on most.
        final int threads = Math.max(1, Math.min(4, Runtime.getRuntime().availableProcessors() / 2));
        List<Backend> backends = new ArrayList<Backend>();
        backends.add(new Backend("LiteRT", "litert", "student_int8.tflite", DIALECT) {
            @Override
            public Engine open(File file, Contract contract) throws DpException {
                return LiteRtEngine.open(ModelFile.read(file), contract, threads);
            }
        });
        backends.add(new Backend("ExecuTorch", "executorch", "student_int8.pte", DIALECT) {
            @Override
            public Engine open(File file, Contract contract) throws DpException {
                return ExecuTorchEngine.open(file, contract, threads);
            }
        });
        return backends;
    }
}
