package org.dpocket.core;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import org.dpocket.engine.Engine;

/** One way to run the student, as {@link Workbench} needs it. */
public abstract class Backend {
    /** What the app was built with: files beside its code. */
    public interface Assets {
        InputStream open(String name) throws IOException;
    }

    /** As people call it, and as docs/DPZ.md does. */
    public final String label;
    public final String name;
    /** The asset that it runs. */
    public final String model;
    /** The arithmetic of its integer kernels, as in docs/DIALECTS.md. */
    public final String dialect;

    protected Backend(String label, String name, String model, String dialect) {
        this.label = label;
        this.name = name;
        this.model = model;
        this.dialect = dialect;
    }

    /** Opens the model in a file. */
    public abstract Engine open(File file, Contract contract) throws DpException;
}
