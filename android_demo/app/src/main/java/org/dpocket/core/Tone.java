package org.dpocket.core;

/** Linear light as a person sees it. */
public final class Tone {
    private static final double BRIGHT_END = 0.995;
    private static final double GAMMA = 2.2;

    private Tone() {}

    /**
     * Two linear views, H×W each, as one grey picture: their mean is what an ordinary pixel would have collected.
     * White is the 99.5th percentile, gamma 2.2, as in {@code runtime_py.pictures.view_png}.
     */
    public static Picture grey(float[] left, float[] right, int width, int height) {
        float[] light = new float[left.length];
        for (int i = 0; i < light.length; i++) {
            light[i] = 0.5f * (left[i] + right[i]);
        }
        double white = Math.max(Percentile.of(light, BRIGHT_END), 1e-6);
        Picture picture = new Picture(width, height);
        for (int i = 0; i < light.length; i++) {
            double shown = 255 * Math.pow(Math.min(1, Math.max(0, light[i] / white)), 1 / GAMMA);
            picture.argb[i] = Picture.rgb(shown, shown, shown);
        }
        return picture;
    }
}
