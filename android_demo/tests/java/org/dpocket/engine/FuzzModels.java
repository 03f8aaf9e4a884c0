package org.dpocket.engine;

import java.io.File;
import java.nio.charset.Charset;
import java.nio.file.Files;
import org.dpocket.core.Contract;
import org.dpocket.core.DpException;
import org.dpocket.core.Fuzz;
import org.dpocket.core.ModelManifest;
import org.dpocket.core.Student;

/**
 * Damaged models and manifests, the way {@link org.dpocket.core.Workbench} opens them: kind m, a model with the manifest of a
 * sound one; f, a manifest with that sound model; n, a model that native code is given unchecked, which the app never does.
 *
 * <p>Arguments: MANIFEST MODEL FOLDER; damaged models are written into FOLDER under MODEL's name.
 */
public final class FuzzModels implements Fuzz.Models {
    private final ModelManifest manifest;
    private final File sound;
    private final File damaged;

    private FuzzModels(ModelManifest manifest, File sound, File folder) {
        this.manifest = manifest;
        this.sound = sound;
        this.damaged = new File(folder, "damaged-" + sound.getName());
    }

    public static void main(String[] arguments) throws Exception {
        ModelManifest manifest = ModelManifest.parse(Fuzz.text(arguments[0]));
        File sound = new File(arguments[1]);
        new Fuzz(manifest.contract, new FuzzModels(manifest, sound, new File(arguments[2]))).serve();
    }

    @Override
    public void take(char kind, byte[] data) throws Exception {
        if (kind == 'f') {
            ModelManifest changed = ModelManifest.parse(new String(data, Charset.forName("UTF-8")));
            changed.check(ModelFile.read(sound));
            run(open(sound, changed.contract), changed.contract);
            return;
        }
        Files.write(damaged.toPath(), data);
        if (kind != 'n') {
            manifest.check(ModelFile.read(damaged));
        }
        run(open(damaged, manifest.contract), manifest.contract);
    }

    private static Engine open(File file, Contract contract) throws DpException {
        return file.getName().endsWith(".pte")
            ? ExecuTorchEngine.open(file, contract, 1)
            : LiteRtEngine.open(ModelFile.read(file), contract, 1);
    }

    private static void run(Engine engine, Contract contract) throws DpException {
        try {
            new Student(engine, contract).predict(Fuzz.shade(), Fuzz.shade(), null);
        } finally {
            engine.close();
        }
    }
}
