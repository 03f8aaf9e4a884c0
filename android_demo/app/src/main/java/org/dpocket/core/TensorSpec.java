package org.dpocket.core;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * One named input or output of a model, as in {@code runtime_py.contract.TensorSpec}: its shape in its layout (NHWC or NCHW),
 * dtype (int8, uint8 or float32), unit, sign and grid. The real value of a stored q is (q - zeroPoint) * scale.
 */
public final class TensorSpec {
    /** Elements of a tensor; a phone's student has some hundred thousand. */
    private static final long MOST = 1 << 26;

    public final String name;
    public final String layout;
    public final String dtype;
    public final String unit;
    public final String sign;
    /** Ends of the valid range, in {@link #unit}. */
    public final double low;
    public final double high;
    /** 0 where the contract gives none. */
    public final double scale;
    public final int zeroPoint;
    /** Of a confidence: the error (px of the working width) that it is the probability of staying within; else NaN. */
    public final double withinPx;
    private final int[] shape;

    TensorSpec(Fields fields) throws DpException {
        name = fields.text("name");
        layout = fields.text("layout");
        dtype = fields.text("dtype");
        unit = fields.text("unit");
        sign = fields.has("sign") ? fields.text("sign") : "";
        shape = fields.integers("shape");
        double[] range = fields.numbers("valid_range");
        scale = fields.has("scale") ? fields.number("scale") : 0;
        zeroPoint = fields.has("zero_point") ? fields.integer("zero_point") : 0;
        withinPx = fields.has("within_px") ? fields.number("within_px") : Double.NaN;
        if (range.length != 2) {
            throw new DpException("the contract gives '" + name + "' a valid range of " + range.length + " numbers, not 2");
        }
        low = range[0];
        high = range[1];
        check(fields);
    }

    private void check(Fields fields) throws DpException {
        if (!layout.equals("NHWC") && !layout.equals("NCHW")) {
            throw new DpException("the contract has '" + name + "' in the layout " + layout + "; NHWC and NCHW are known");
        }
        if (!isReal() && !dtype.equals("int8") && !dtype.equals("uint8")) {
            throw new DpException("the contract has '" + name + "' as " + dtype + "; this app runs int8, uint8 and float32");
        }
        if (!isReal() && !(fields.has("scale") && fields.has("zero_point") && (float) scale > 0
            && !Float.isInfinite(1f / (float) scale) && Math.abs((long) zeroPoint) <= 255)) {
            throw new DpException("'" + name + "' is " + dtype + " but its contract gives no usable scale and zero point");
        }
        long count = 1;
        for (int side : shape) {
            count = side < 1 ? Long.MAX_VALUE : count * side;
            if (count > MOST) {
                throw new DpException("the contract gives '" + name + "' a shape that no phone's student has");
            }
        }
        if (shape.length != 4 || count != (long) height() * width()) {
            throw new DpException("the contract gives '" + name + "' no shape of one plane in " + layout);
        }
    }

    /** Whether stored values are real numbers and no codes. */
    public boolean isReal() {
        return dtype.equals("float32");
    }

    public int height() {
        return shape[layout.equals("NHWC") ? 1 : 2];
    }

    public int width() {
        return shape[layout.equals("NHWC") ? 2 : 3];
    }

    /** Elements. */
    public int count() {
        return height() * width();
    }

    /** A direct little-endian buffer as large as this tensor, all zeros. */
    public ByteBuffer buffer() {
        return ByteBuffer.allocateDirect(count() * (isReal() ? 4 : 1)).order(ByteOrder.LITTLE_ENDIAN);
    }
}
