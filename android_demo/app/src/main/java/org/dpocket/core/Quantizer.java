package org.dpocket.core;

import java.nio.ByteBuffer;

/** Between real values and a tensor's stored ones, the same bits as {@code runtime_py.contract.TensorSpec}. */
public final class Quantizer {
    private Quantizer() {}

    /**
     * Writes {@code real} as {@code spec} stores it, from index 0 of {@code stored} on: float {@code x * (1 / scale)} rounded
     * half to even, plus the zero point, clipped to the dtype.
     */
    public static void quantize(float[] real, TensorSpec spec, ByteBuffer stored) {
        if (spec.isReal()) {
            for (int i = 0; i < real.length; i++) {
                stored.putFloat(4 * i, real[i]);
            }
            return;
        }
        float factor = 1f / (float) spec.scale;
        int lowest = spec.dtype.equals("int8") ? -128 : 0;
        for (int i = 0; i < real.length; i++) {
            stored.put(i, code(real[i], factor, spec.zeroPoint, lowest));
        }
    }

    /** Real values, in the tensor's unit, of the stored ones from index 0 on. */
    public static float[] dequantize(ByteBuffer stored, TensorSpec spec) {
        float[] real = new float[spec.count()];
        for (int i = 0; i < real.length; i++) {
            if (spec.isReal()) {
                real[i] = stored.getFloat(4 * i);
            } else {
                int code = spec.dtype.equals("int8") ? stored.get(i) : stored.get(i) & 0xFF;
                real[i] = ((float) code - (float) spec.zeroPoint) * (float) spec.scale;
            }
        }
        return real;
    }

    private static byte code(float real, float factor, int zeroPoint, int lowest) {
        float scaled = (float) Math.rint((double) (real * factor)) + (float) zeroPoint;
        return (byte) (int) Math.min(Math.max(scaled, (float) lowest), (float) (lowest + 255));
    }
}
