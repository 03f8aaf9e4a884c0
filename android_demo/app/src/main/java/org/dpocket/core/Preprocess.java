package org.dpocket.core;

/** From a linear view at the working width to the network's input, the same bits as {@code runtime_py.captures.preprocess}. */
public final class Preprocess {
    private static final double SMALLEST_FLOOR = 1e-6;

    private Preprocess() {}

    /**
     * clip(gain · (g - box(g)), ±limit) with g = ln(x / mean(x) + floor), in double, rounded to float once. Negative samples
     * (noise below black) count as 0.
     *
     * @throws DpException for a view that is black everywhere, and for settings without a box or floor
     */
    public static Plane signal(Plane view, Contract.Preprocessing settings) throws DpException {
        if (settings.box < 1 || !(settings.floor >= SMALLEST_FLOOR)) {
            throw new DpException("a box of " + settings.box + " px and a floor of " + settings.floor
                + " leave no logarithm or no mean; the box is at least 1 and the floor " + SMALLEST_FLOOR + ": correct the contract");
        }
        float[] light = new float[view.values.length];
        for (int i = 0; i < light.length; i++) {
            light[i] = Math.max(view.values[i], 0f);
        }
        double mean = Exact.mean(light, view.width);
        if (!(mean > 0)) {
            throw new DpException(
                "a view is black everywhere: nothing is left of it to find disparity in; check its black level");
        }
        double[] g = new double[light.length];
        for (int i = 0; i < g.length; i++) {
            g[i] = Exact.log(light[i] / mean + settings.floor);
        }
        double[] local = Exact.boxMean(g, view.height, view.width, settings.box);
        float[] signal = light;
        for (int i = 0; i < g.length; i++) {
            double value = (g[i] - local[i]) * settings.gain;
            signal[i] = (float) Math.min(Math.max(value, -settings.limit), settings.limit);
        }
        return new Plane(signal, view.height, view.width);
    }
}
