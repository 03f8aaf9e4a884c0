package org.dpocket.core;

import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import org.dpocket.engine.Engine;

/** An engine and the contract of what it runs: linear views of any size to maps of their size, as runtime_py.student.Student. */
public final class Student {
    /** Linear values beyond these, on more than this share of a view, mean that it is not scaled to 0..1. */
    private static final float BRIGHT = 2f;
    private static final float DARK = -0.1f;
    private static final double TOLERATED = 0.01;
    private static final int SMALLEST = 16;

    /** Maps of the given views' size. */
    public static final class Prediction {
        /** x_left - x_right in px of the given views, positive nearer than the focus plane. */
        public final Plane disparity;
        /** The probability, 0..1, that it is right to within the contract's px of the working width; null where there is none. */
        public final Plane confidence;

        Prediction(Plane disparity, Plane confidence) {
            this.disparity = disparity;
            this.confidence = confidence;
        }
    }

    private final Engine engine;
    private final Contract contract;

    public Student(Engine engine, Contract contract) {
        this.engine = engine;
        this.contract = contract;
    }

    /**
     * Disparity and confidence of two linear views (0..1, same size, square pixels, dual-pixel axis horizontal). Marks the
     * stages "preprocess", "network" and "maps" in {@code timing}, which may be null.
     *
     * @throws DpException for planes that are not two such views, and where the engine fails
     */
    public Prediction predict(Plane left, Plane right, Timing timing) throws DpException {
        check("left", left);
        check("right", right);
        if (left.height != right.height || left.width != right.width) {
            throw new DpException("the left view is " + left.width + "×" + left.height + " and the right one " + right.width + "×"
                + right.height + "; give two views of one capture");
        }
        Plane leftSignal = signal(left);
        Plane rightSignal = signal(right);
        TensorSpec input = contract.input("left");
        Tiling tiling = new Tiling(leftSignal.height, leftSignal.width, input.height(), input.width(), contract.outputStride);
        mark(timing, "preprocess");
        boolean hasConfidence = contract.hasConfidence();
        float[][] disparities = new float[tiling.count()][];
        float[][] confidences = new float[tiling.count()][];
        Map<String, ByteBuffer> inputs = buffers(true);
        Map<String, ByteBuffer> outputs = buffers(false);
        for (int tile = 0; tile < tiling.count(); tile++) {
            Quantizer.quantize(tiling.cut(leftSignal.values, tile), input, inputs.get("left"));
            Quantizer.quantize(tiling.cut(rightSignal.values, tile), contract.input("right"), inputs.get("right"));
            mark(timing, "preprocess");
            engine.run(inputs, outputs);
            mark(timing, "network");
            disparities[tile] = Quantizer.dequantize(outputs.get(Contract.DISPARITY), contract.output(Contract.DISPARITY));
            confidences[tile] = hasConfidence ? clipped(outputs.get(Contract.CONFIDENCE)) : null;
            mark(timing, "maps");
        }
        Plane disparity = Resize.resampled(tiling.blend(disparities), tiling.height, tiling.width, contract.outputStride,
            left.height, left.width);
        float ratio = (float) ((double) left.width / contract.workingWidth);
        for (int i = 0; i < disparity.values.length; i++) {
            disparity.values[i] *= ratio;
        }
        Plane confidence = hasConfidence ? Resize.resampled(tiling.blend(confidences), tiling.height, tiling.width,
            contract.outputStride, left.height, left.width) : null;
        mark(timing, "maps");
        return new Prediction(disparity, confidence);
    }

    private Plane signal(Plane view) throws DpException {
        return Preprocess.signal(Resize.toWidth(view, contract.workingWidth), contract.preprocessing);
    }

    /** A network does not clip its confidence; integers saturate where it ends. */
    private float[] clipped(ByteBuffer stored) throws DpException {
        TensorSpec spec = contract.output(Contract.CONFIDENCE);
        float[] real = Quantizer.dequantize(stored, spec);
        for (int i = 0; i < real.length; i++) {
            real[i] = Math.min(Math.max(real[i], (float) spec.low), (float) spec.high);
        }
        return real;
    }

    private Map<String, ByteBuffer> buffers(boolean isInput) {
        Map<String, ByteBuffer> buffers = new HashMap<String, ByteBuffer>();
        for (TensorSpec spec : isInput ? contract.inputs : contract.outputs) {
            buffers.put(spec.name, spec.buffer());
        }
        return buffers;
    }

    private static void mark(Timing timing, String stage) {
        if (timing != null) {
            timing.mark(stage);
        }
    }

    private static void check(String name, Plane view) throws DpException {
        if (Math.min(view.height, view.width) < SMALLEST) {
            throw new DpException("the " + name + " view is " + view.width + "×" + view.height + "; at least " + SMALLEST
                + " pixels a side are needed");
        }
        int odd = 0;
        int beyond = 0;
        for (float value : view.values) {
            odd += Float.isNaN(value) || Float.isInfinite(value) ? 1 : 0;
            beyond += value > BRIGHT || value < DARK ? 1 : 0;
        }
        if (odd > 0) {
            throw new DpException("the " + name + " view has " + odd + " values that are NaN or infinite; capture again");
        }
        if (beyond > TOLERATED * view.values.length) {
            throw new DpException("the " + name + " view has " + beyond + " values outside linear light of 0..1; its black or white"
                + " level is wrong");
        }
    }
}
