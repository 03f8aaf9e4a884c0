package org.dpocket.engine;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;
import org.dpocket.core.Contract;
import org.dpocket.core.DpException;
import org.dpocket.core.TensorSpec;
import org.pytorch.executorch.EValue;
// By name, since java.lang has a Module too.
import org.pytorch.executorch.Module;
import org.pytorch.executorch.Tensor;

/**
 * A .pte student through the Java API of ExecuTorch's AAR, which knows inputs and outputs by position only: names come from the
 * contract, in its order, and tensors are NCHW whatever the layout that it names (one plane has the same bytes in both).
 */
public final class ExecuTorchEngine implements Engine {
    private static final String METHOD = "forward";

    private final List<TensorSpec> inputs;
    private final List<TensorSpec> outputs;
    private final int threads;
    private Module module;

    private ExecuTorchEngine(Module module, Contract contract, int threads) {
        this.module = module;
        this.threads = threads;
        inputs = contract.inputs;
        outputs = contract.outputs;
    }

    /** @throws DpException where the AAR is missing from this build, or ExecuTorch refuses the file */
    public static ExecuTorchEngine open(File model, Contract contract, int threads) throws DpException {
        if (threads < 1) {
            throw new DpException(threads + " threads were asked for; at least 1 is possible");
        }
        checkHeader(model);
        try {
            Module module = Module.load(model.getPath(), Module.LOAD_MODE_FILE, threads);
            for (String method : module.getMethods()) {
                if (method.equals(METHOD)) {
                    return new ExecuTorchEngine(module, contract, threads);
                }
            }
            module.destroy();
            throw new DpException("the model " + model.getName() + " has no method '" + METHOD + "'");
        } catch (LinkageError e) {
            throw new DpException("this build of the app has no ExecuTorch (" + e.getMessage()
                + "); build it with Gradle, or choose LiteRT", e);
        } catch (RuntimeException e) {
            throw new DpException("ExecuTorch refuses the model " + model.getName() + ": " + e.getMessage(), e);
        }
    }

    private static void checkHeader(File model) throws DpException {
        ByteBuffer content = ModelFile.read(model);
        if (content.capacity() < 8 || content.get(4) != 'E' || content.get(5) != 'T') {
            throw new DpException("the model " + model.getName() + " is not a .pte file: bytes 4 and 5 are not 'ET'");
        }
    }

    @Override
    public String runtime() {
        return "ExecuTorch, XNNPACK, " + threads + (threads == 1 ? " thread" : " threads");
    }

    @Override
    public synchronized void run(Map<String, ByteBuffer> given, Map<String, ByteBuffer> made) throws DpException {
        if (module == null) {
            throw new DpException("the model was closed; open it again");
        }
        EValue[] values = new EValue[inputs.size()];
        for (int i = 0; i < values.length; i++) {
            TensorSpec spec = inputs.get(i);
            values[i] = EValue.from(tensor(spec, buffer("input", spec, given)));
        }
        for (TensorSpec spec : outputs) {
            buffer("output", spec, made);
        }
        EValue[] answers;
        try {
            answers = module.forward(values);
        } catch (RuntimeException e) {
            throw new DpException("ExecuTorch cannot run the model: " + e.getMessage(), e);
        }
        if (answers == null || answers.length != outputs.size()) {
            throw new DpException("ExecuTorch gave " + (answers == null ? 0 : answers.length) + " outputs, the contract names "
                + outputs.size());
        }
        for (int i = 0; i < answers.length; i++) {
            copy(outputs.get(i), answers[i], made.get(outputs.get(i).name));
        }
    }

    /** The buffer of that name, checked. */
    private static ByteBuffer buffer(String role, TensorSpec spec, Map<String, ByteBuffer> buffers) throws DpException {
        ByteBuffer buffer = buffers.get(spec.name);
        long bytes = (long) spec.count() * ElementTypes.bytes(spec.dtype);
        if (buffer == null) {
            throw new DpException("no buffer was given for the " + role + " '" + spec.name + "'");
        }
        if (!buffer.isDirect() || buffer.capacity() != bytes) {
            throw new DpException(spec.name + " takes a direct buffer of " + bytes + " bytes, and one of " + buffer.capacity()
                + " was given");
        }
        if (role.equals("output") && buffer.isReadOnly()) {
            throw new DpException("the buffer for the output '" + spec.name + "' cannot be written");
        }
        return buffer;
    }

    private static ByteBuffer whole(ByteBuffer buffer) {
        ByteBuffer view = buffer.duplicate();
        view.clear();
        return view.order(ByteOrder.nativeOrder());
    }

    private static Tensor tensor(TensorSpec spec, ByteBuffer buffer) {
        long[] shape = {1, 1, spec.height(), spec.width()};
        if (spec.isReal()) {
            FloatBuffer values = whole(buffer).asFloatBuffer();
            return Tensor.fromBlob(values, shape);
        }
        return spec.dtype.equals("uint8") ? Tensor.fromBlobUnsigned(whole(buffer), shape) : Tensor.fromBlob(whole(buffer), shape);
    }

    private static void copy(TensorSpec spec, EValue answer, ByteBuffer made) throws DpException {
        try {
            Tensor tensor = answer.toTensor();
            if (tensor.numel() != spec.count()) {
                throw new DpException("ExecuTorch gave " + tensor.numel() + " values for '" + spec.name + "', the contract names "
                    + spec.count());
            }
            if (spec.isReal()) {
                whole(made).asFloatBuffer().put(tensor.getDataAsFloatArray());
            } else if (spec.dtype.equals("uint8")) {
                whole(made).put(tensor.getDataAsUnsignedByteArray());
            } else {
                whole(made).put(tensor.getDataAsByteArray());
            }
        } catch (IllegalStateException e) {
            throw new DpException("ExecuTorch gave '" + spec.name + "' in another type than " + spec.dtype + ", which the contract "
                + "names", e);
        }
    }

    @Override
    public synchronized void close() {
        if (module != null) {
            module.destroy();
            module = null;
        }
    }
}
