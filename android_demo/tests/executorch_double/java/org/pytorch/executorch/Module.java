package org.pytorch.executorch;

import java.io.File;
import java.nio.Buffer;

/** A loaded program; stands in for the AAR's class of that name. */
public class Module {
    public static final int LOAD_MODE_FILE = 0;
    public static final int LOAD_MODE_MMAP = 1;

    /** The system property that names the native half of this double. */
    public static final String LIBRARY_PROPERTY = "dpocket.executorch";

    private static final int MOST_OUTPUTS = 16;

    static {
        String library = System.getProperty(LIBRARY_PROPERTY);
        if (library == null) {
            throw new UnsatisfiedLinkError("the system property " + LIBRARY_PROPERTY + " names no library");
        }
        System.load(library);
    }

    private long handle;

    private Module(long handle) {
        this.handle = handle;
    }

    public static Module load(String modelPath) {
        return load(modelPath, LOAD_MODE_FILE);
    }

    public static Module load(String modelPath, int loadMode) {
        return load(modelPath, loadMode, 0);
    }

    /** The double computes with as many threads as the machine has cores, whatever is asked for. */
    public static Module load(String modelPath, int loadMode, int numThreads) {
        if (!new File(modelPath).isFile()) {
            throw new IllegalArgumentException("there is no file " + modelPath);
        }
        return new Module(nativeOpen(modelPath));
    }

    public String[] getMethods() {
        return nativeMethods(opened());
    }

    public EValue[] forward(EValue... inputs) {
        return execute("forward", inputs);
    }

    public EValue[] execute(String methodName, EValue... inputs) {
        Buffer[] data = new Buffer[inputs.length];
        int[] codes = new int[inputs.length];
        long[][] shapes = new long[inputs.length][];
        for (int i = 0; i < inputs.length; i++) {
            Tensor tensor = inputs[i].toTensor();
            data[i] = tensor.data;
            codes[i] = tensor.dtype().code;
            shapes[i] = tensor.shape();
        }
        int[] madeCodes = new int[MOST_OUTPUTS];
        long[][] madeShapes = new long[MOST_OUTPUTS][];
        byte[][] made = nativeRun(opened(), methodName, data, codes, shapes, madeCodes, madeShapes);
        EValue[] outputs = new EValue[made.length];
        for (int i = 0; i < made.length; i++) {
            outputs[i] = EValue.from(Tensor.made(made[i], DType.of(madeCodes[i]), madeShapes[i]));
        }
        return outputs;
    }

    public void destroy() {
        if (handle != 0) {
            nativeClose(handle);
            handle = 0;
        }
    }

    private long opened() {
        if (handle == 0) {
            throw new IllegalStateException("the module was destroyed");
        }
        return handle;
    }

    private static native long nativeOpen(String path);

    private static native String[] nativeMethods(long handle);

    private static native byte[][] nativeRun(long handle, String method, Buffer[] data, int[] codes, long[][] shapes,
        int[] madeCodes, long[][] madeShapes);

    private static native void nativeClose(long handle);
}
