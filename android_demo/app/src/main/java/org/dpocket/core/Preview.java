package org.dpocket.core;

/** A capture and what the student says of it, small enough to draw with: pictures of at most {@link #LONGEST} px. */
public final class Preview {
    public static final int LONGEST = 720;
    /** Steps of disparity that are more than this share of the reach, within a few px, are ends of surfaces. */
    private static final float STEP = 0.15f;

    /** The capture as a person sees it. */
    public final Picture view;
    /** px of the capture, one value per pixel of {@code view}. */
    public final float[] disparity;
    /** 0..1, or null where the student has none. */
    public final float[] confidence;
    /** Magnitude of the disparity (px of the capture) at both ends of its scale. */
    public final float reach;
    /** Sides of this preview over those of the capture. */
    public final float share;
    private float[] stepped;

    private Preview(Picture view, float[] disparity, float[] confidence, float share) {
        this.view = view;
        this.disparity = disparity;
        this.confidence = confidence;
        this.reach = DisparityView.reach(disparity);
        this.share = share;
    }

    /** Upright. */
    public static Preview of(Device.Views views, Device.Found found) {
        int factor = (Math.max(views.left.width, views.left.height) + LONGEST - 1) / LONGEST;
        Plane left = Turn.clockwise(means(views.left, factor), views.turns);
        Plane right = Turn.clockwise(means(views.right, factor), views.turns);
        Plane disparity = Turn.clockwise(means(found.disparity, factor), views.turns);
        float[] confidence = found.confidence == null ? null
            : Turn.clockwise(means(found.confidence, factor), views.turns).values;
        Picture view = Tone.grey(left.values, right.values, left.width, left.height);
        return new Preview(view, disparity.values, confidence, 1f / factor);
    }

    /** Disparity in px of this preview, for moving its pixels: with steps where surfaces end. */
    synchronized float[] stepped() {
        if (stepped == null) {
            stepped = Edges.sharpened(disparity, view.width, view.height, 4, STEP * reach);
            for (int i = 0; i < stepped.length; i++) {
                stepped[i] *= share;
            }
        }
        return stepped;
    }

    /** Means over blocks of {@code factor} × {@code factor}; the last ones of a row or column may be smaller. */
    static Plane means(Plane plane, int factor) {
        if (factor == 1) {
            return plane;
        }
        int w = (plane.width + factor - 1) / factor;
        int h = (plane.height + factor - 1) / factor;
        float[] means = new float[w * h];
        for (int y = 0; y < h; y++) {
            int bottom = Math.min(plane.height, (y + 1) * factor);
            for (int x = 0; x < w; x++) {
                int right = Math.min(plane.width, (x + 1) * factor);
                double sum = 0;
                for (int row = y * factor; row < bottom; row++) {
                    for (int column = x * factor; column < right; column++) {
                        sum += plane.values[row * plane.width + column];
                    }
                }
                means[y * w + x] = (float) (sum / ((bottom - y * factor) * (right - x * factor)));
            }
        }
        return new Plane(means, h, w);
    }
}
