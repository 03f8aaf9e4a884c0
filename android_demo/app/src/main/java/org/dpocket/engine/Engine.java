package org.dpocket.engine;

import java.nio.ByteBuffer;
import java.util.Map;
import org.dpocket.core.DpException;

/** An opened model in one runtime. Not for two threads at once. */
public interface Engine extends AutoCloseable {
    /** The runtime, its version and delegate, in words. */
    String runtime();

    /**
     * Runs the model once. Keys are the names of the contract's inputs and outputs; buffers are direct, little-endian and as
     * large as the tensors, which they hold from index 0 on whatever their position. Inputs are left as they are.
     *
     * @throws DpException that names the tensor or the runtime's complaint
     */
    void run(Map<String, ByteBuffer> inputs, Map<String, ByteBuffer> outputs) throws DpException;

    /** Frees what the runtime holds; a second call does nothing. */
    @Override
    void close();
}
