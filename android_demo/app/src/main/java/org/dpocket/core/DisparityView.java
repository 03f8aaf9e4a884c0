package org.dpocket.core;

/**
 * A signed disparity map in colours: warm is nearer than the focus plane, cold beyond it, white in focus.
 * The scale is centred on zero, as in {@code runtime_py.pictures.disparity_png}.
 */
public final class DisparityView {
    private static final double SHARE_INSIDE = 0.995;
    private static final float LEAST_REACH = 0.1f;
    private static final int UNKNOWN = 0xFF808080;

    private DisparityView() {}

    /** Magnitude (px) at both ends of the scale: the 99.5th percentile, so that one outlier does not bleach the picture. */
    public static float reach(float[] disparity) {
        return Math.max(LEAST_REACH, (float) Percentile.ofMagnitudes(disparity, SHARE_INSIDE));
    }

    /** {@code disparity} (px, H×W) in colours; ±{@code reach} and beyond are the ends of the scale, NaN is grey. */
    public static Picture picture(float[] disparity, int width, int height, float reach) {
        Picture picture = new Picture(width, height);
        for (int i = 0; i < disparity.length; i++) {
            float value = disparity[i];
            picture.argb[i] = Float.isNaN(value) ? UNKNOWN : ColorMap.signed(value / reach);
        }
        return picture;
    }

    /** The scale of such a picture. {@code axisLength}: px along the dual-pixel axis of the views that disparity is counted in. */
    public static ScaleBar scale(float reach, int axisLength) {
        return new ScaleBar(-reach, reach, "Disparity left \u2212 right, px at " + axisLength + " px along the axis",
            "\u2212 beyond the focus plane      + nearer");
    }

    /** The colours of the scale from its low to its high end, one pixel high. */
    public static Picture strip(int width) {
        Picture strip = new Picture(width, 1);
        for (int x = 0; x < width; x++) {
            strip.argb[x] = ColorMap.signed(width == 1 ? 0 : 2f * x / (width - 1) - 1);
        }
        return strip;
    }
}
