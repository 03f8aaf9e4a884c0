package org.pytorch.executorch;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** A tensor over a direct buffer of native byte order; stands in for the AAR's class of that name. */
public abstract class Tensor {
    final Buffer data;
    private final long[] shape;

    private Tensor(Buffer data, long[] shape) {
        this.data = data;
        this.shape = shape.clone();
    }

    public static Tensor fromBlob(ByteBuffer data, long[] shape) {
        check(data, data.isDirect(), data.order(), shape);
        return new Typed(data, shape, DType.INT8);
    }

    public static Tensor fromBlobUnsigned(ByteBuffer data, long[] shape) {
        check(data, data.isDirect(), data.order(), shape);
        return new Typed(data, shape, DType.UINT8);
    }

    public static Tensor fromBlob(FloatBuffer data, long[] shape) {
        check(data, data.isDirect(), data.order(), shape);
        return new Typed(data, shape, DType.FLOAT);
    }

    static Tensor made(byte[] content, DType type, long[] shape) {
        ByteBuffer data = ByteBuffer.allocateDirect(content.length).order(ByteOrder.nativeOrder());
        data.put(content);
        data.rewind();
        return new Typed(type == DType.FLOAT ? data.asFloatBuffer() : data, shape, type);
    }

    private static void check(Buffer data, boolean direct, ByteOrder order, long[] shape) {
        if (!direct || order != ByteOrder.nativeOrder()) {
            throw new IllegalArgumentException("a buffer must be direct and of native byte order");
        }
        if (data.capacity() != numel(shape)) {
            throw new IllegalArgumentException("a shape of " + numel(shape) + " elements for " + data.capacity());
        }
    }

    public static long numel(long[] shape) {
        long count = 1;
        for (long side : shape) {
            count *= side;
        }
        return count;
    }

    public long numel() {
        return numel(shape);
    }

    public long[] shape() {
        return shape.clone();
    }

    public abstract DType dtype();

    public byte[] getDataAsByteArray() {
        return bytes(DType.INT8);
    }

    public byte[] getDataAsUnsignedByteArray() {
        return bytes(DType.UINT8);
    }

    public float[] getDataAsFloatArray() {
        require(DType.FLOAT);
        float[] values = new float[data.capacity()];
        ((FloatBuffer) data).duplicate().get(values);
        return values;
    }

    private byte[] bytes(DType type) {
        require(type);
        byte[] values = new byte[data.capacity()];
        ((ByteBuffer) data).duplicate().get(values);
        return values;
    }

    private void require(DType type) {
        if (dtype() != type) {
            throw new IllegalStateException("a tensor of " + dtype() + " gives no " + type);
        }
    }

    private static final class Typed extends Tensor {
        private final DType type;

        Typed(Buffer data, long[] shape, DType type) {
            super(data, shape);
            this.type = type;
        }

        @Override
        public DType dtype() {
            return type;
        }
    }
}
