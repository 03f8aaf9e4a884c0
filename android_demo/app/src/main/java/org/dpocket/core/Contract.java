package org.dpocket.core;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What a student's inputs and outputs mean, as in {@code runtime_py.contract.Contract}. Its disparity is x_left - x_right in px
 * of an image {@link #workingWidth} px wide, positive nearer than the focus plane; a confidence, 0..1, may stand beside it.
 */
public final class Contract {
    public static final int VERSION = 1;
    public static final String DISPARITY = "disparity";
    public static final String CONFIDENCE = "confidence";
    private static final int WIDEST = 1 << 14;

    /** From a linear view to a network input: clip(gain * (g - box(g)), ±limit) of g = ln(x / mean(x) + floor). */
    public static final class Preprocessing {
        /** Side (px at the working width) of the mean that is taken away. */
        public final int box;
        public final double floor;
        public final double gain;
        public final double limit;

        public Preprocessing(int box, double floor, double gain, double limit) {
            this.box = box;
            this.floor = floor;
            this.gain = gain;
            this.limit = limit;
        }

        Preprocessing(Fields fields) throws DpException {
            this(fields.integer("box"), fields.number("floor"), fields.number("gain"), fields.number("limit"));
        }
    }

    public final String student;
    public final List<TensorSpec> inputs;
    public final List<TensorSpec> outputs;
    public final int workingWidth;
    /** Input px per output cell along a side. */
    public final int outputStride;
    public final Preprocessing preprocessing;

    private Contract(Fields fields) throws DpException {
        int version = fields.integer("version");
        if (version != VERSION) {
            throw new DpException("the contract has version " + version + "; this app reads version " + VERSION);
        }
        student = fields.text("student");
        inputs = specs(fields, "inputs");
        outputs = specs(fields, "outputs");
        workingWidth = fields.integer("working_width");
        outputStride = fields.integer("output_stride");
        preprocessing = new Preprocessing(fields.object("preprocess"));
        if (workingWidth < 1 || workingWidth > WIDEST || outputStride < 1) {
            throw new DpException("the contract has a working width of " + workingWidth + " px and an output stride of "
                + outputStride + "; the width is 1 to " + WIDEST + " and the stride at least 1");
        }
        if (preprocessing.box < 1 || preprocessing.box > WIDEST) {
            throw new DpException("the contract has a box of " + preprocessing.box + " px; it is 1 to " + WIDEST);
        }
        if (fields.has("dp_axis") && !fields.text("dp_axis").equals("horizontal")) {
            throw new DpException("a student works along a horizontal dual-pixel axis, not '" + fields.text("dp_axis") + "'");
        }
        checkPlanes();
    }

    /** @throws DpException that names the field where {@code json} is no contract that this version understands */
    public static Contract parse(String json) throws DpException {
        return new Contract(Json.fields(json, "the contract"));
    }

    static Contract of(Fields fields) throws DpException {
        return new Contract(fields);
    }

    public TensorSpec input(String name) throws DpException {
        return named(inputs, name, "input");
    }

    public TensorSpec output(String name) throws DpException {
        return named(outputs, name, "output");
    }

    public boolean hasConfidence() {
        for (TensorSpec spec : outputs) {
            if (spec.name.equals(CONFIDENCE)) {
                return true;
            }
        }
        return false;
    }

    private void checkPlanes() throws DpException {
        TensorSpec left = input("left");
        TensorSpec right = input("right");
        TensorSpec disparity = output(DISPARITY);
        if (inputs.size() != 2) {
            throw new DpException("the contract has " + inputs.size() + " inputs; a student has left and right");
        }
        boolean fits = true;
        for (TensorSpec view : new TensorSpec[] {left, right}) {
            fits &= view.height() == (long) disparity.height() * outputStride;
            fits &= view.width() == (long) disparity.width() * outputStride;
        }
        if (!fits) {
            throw new DpException("views of " + size(left) + " and " + size(right) + " do not fit a disparity of "
                + size(disparity) + " at stride " + outputStride);
        }
        if (hasConfidence() && !size(output(CONFIDENCE)).equals(size(disparity))) {
            throw new DpException("a confidence of " + size(output(CONFIDENCE)) + " does not fit a disparity of " + size(disparity));
        }
    }

    private static String size(TensorSpec spec) {
        return spec.width() + "×" + spec.height();
    }

    private static List<TensorSpec> specs(Fields fields, String name) throws DpException {
        List<TensorSpec> specs = new ArrayList<TensorSpec>();
        for (Fields item : fields.objects(name)) {
            specs.add(new TensorSpec(item));
        }
        return Collections.unmodifiableList(specs);
    }

    private static TensorSpec named(List<TensorSpec> specs, String name, String role) throws DpException {
        StringBuilder known = new StringBuilder();
        for (TensorSpec spec : specs) {
            if (spec.name.equals(name)) {
                return spec;
            }
            known.append(known.length() == 0 ? "" : ", ").append(spec.name);
        }
        throw new DpException("the contract has no " + role + " '" + name + "'; it has: " + known);
    }
}
