package org.dpocket.engine;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import org.dpocket.core.Contract;
import org.dpocket.core.DpException;
import org.dpocket.core.TensorSpec;

/** A .tflite student on LiteRT's CPU kernels, through the app's own library (src/main/cpp), which opens libLiteRt.so. */
public final class LiteRtEngine implements Engine {
    /** The system property that names LiteRT's library where it is not on the loader's path, as on a desktop. */
    public static final String LIBRARY_PROPERTY = "dpocket.litert";

    private static final String LIBRARY = "libLiteRt.so";

    private final String runtime;
    private final String[] inputs;
    private final String[] outputs;
    private final long[] inputKinds;
    private final long[] outputKinds;
    private long handle;

    private LiteRtEngine(long handle, int threads) {
        this.handle = handle;
        inputs = nativeNames(handle, true);
        outputs = nativeNames(handle, false);
        inputKinds = nativeKinds(handle, true);
        outputKinds = nativeKinds(handle, false);
        String place = nativeIsDelegated(handle) == 1 ? "all of it in XNNPACK" : "not all of it in XNNPACK";
        runtime = "LiteRT, " + place + ", " + threads + (threads == 1 ? " thread" : " threads");
    }

    /**
     * Opens a model that does what {@code contract} says.
     *
     * @param model the file's bytes in a direct buffer, of which a copy is kept
     * @throws DpException where a library is missing, LiteRT refuses the model, or the model has other tensors
     */
    public static LiteRtEngine open(ByteBuffer model, Contract contract, int threads) throws DpException {
        long handle;
        try {
            System.loadLibrary("dpocket");
            handle = nativeOpen(System.getProperty(LIBRARY_PROPERTY, LIBRARY), model, threads);
        } catch (LinkageError e) {
            throw new DpException("the app's native library is missing from this build (" + e.getMessage()
                + "); build the app as its README says", e);
        }
        LiteRtEngine engine = new LiteRtEngine(handle, threads);
        try {
            check("input", engine.inputs, engine.inputKinds, contract.inputs);
            check("output", engine.outputs, engine.outputKinds, contract.outputs);
        } catch (DpException e) {
            engine.close();
            throw e;
        }
        return engine;
    }

    private static void check(String role, String[] names, long[] kinds, List<TensorSpec> specs) throws DpException {
        if (names.length != specs.size()) {
            throw new DpException("the model has " + names.length + " " + role + "s, its contract " + specs.size());
        }
        for (TensorSpec spec : specs) {
            int index = indexOf(names, spec.name);
            if (index < 0) {
                throw new DpException("the model has no " + role + " '" + spec.name + "', which its contract names");
            }
            long bytes = (long) spec.count() * ElementTypes.bytes(spec.dtype);
            if (kinds[2 * index] != ElementTypes.liteRt(spec.dtype) || kinds[2 * index + 1] != bytes) {
                throw new DpException("the model's " + role + " '" + spec.name + "' is not the " + spec.dtype + " of " + bytes
                    + " bytes that its contract names");
            }
        }
    }

    private static int indexOf(String[] names, String wanted) {
        for (int i = 0; i < names.length; i++) {
            if (names[i].equals(wanted)) {
                return i;
            }
        }
        return -1;
    }

    @Override
    public String runtime() {
        return runtime;
    }

    @Override
    public synchronized void run(Map<String, ByteBuffer> given, Map<String, ByteBuffer> made) throws DpException {
        if (handle == 0) {
            throw new DpException("the model was closed; open it again");
        }
        nativeRun(handle, inOrder("input", inputs, given), inOrder("output", outputs, made));
    }

    private static ByteBuffer[] inOrder(String role, String[] names, Map<String, ByteBuffer> buffers) throws DpException {
        ByteBuffer[] ordered = new ByteBuffer[names.length];
        for (int i = 0; i < names.length; i++) {
            ordered[i] = buffers.get(names[i]);
            if (ordered[i] == null) {
                throw new DpException("no buffer was given for the " + role + " '" + names[i] + "'");
            }
            if (role.equals("output") && ordered[i].isReadOnly()) {
                throw new DpException("the buffer for the output '" + names[i] + "' cannot be written");
            }
        }
        return ordered;
    }

    @Override
    public synchronized void close() {
        if (handle != 0) {
            nativeClose(handle);
            handle = 0;
        }
    }

    private static native long nativeOpen(String library, ByteBuffer model, int threads) throws DpException;

    private static native String[] nativeNames(long handle, boolean inputs);

    private static native long[] nativeKinds(long handle, boolean inputs);

    private static native int nativeIsDelegated(long handle);

    private static native void nativeRun(long handle, ByteBuffer[] inputs, ByteBuffer[] outputs) throws DpException;

    private static native void nativeClose(long handle);
}
