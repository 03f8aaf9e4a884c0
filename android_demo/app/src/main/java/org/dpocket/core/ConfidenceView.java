package org.dpocket.core;

import java.util.Locale;

/** A map of confidence (0..1) in colours: yellow is certain, blue is not. */
public final class ConfidenceView {
    private ConfidenceView() {}

    /** {@code confidence} (0..1, H×W) in colours; what lies beyond is shown as the end it passed. */
    public static Picture picture(float[] confidence, int width, int height) {
        Picture picture = new Picture(width, height);
        for (int i = 0; i < confidence.length; i++) {
            picture.argb[i] = ColorMap.unsigned(confidence[i]);
        }
        return picture;
    }

    /** Its scale. {@code withinPx}: the error (px at {@code workingWidth}) of the contract's confidence; NaN where it gives none. */
    public static ScaleBar scale(float withinPx, int workingWidth) {
        String error = Float.isNaN(withinPx)
            ? ""
            : String.format(Locale.ROOT, "|error| \u2264 %s px at %d px width", shortest(withinPx), workingWidth);
        return new ScaleBar(0, 1, "Confidence: probability that the disparity is right", error);
    }

    private static String shortest(float value) {
        String text = Float.toString(value);
        return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
    }

    public static Picture strip(int width) {
        Picture strip = new Picture(width, 1);
        for (int x = 0; x < width; x++) {
            strip.argb[x] = ColorMap.unsigned(width == 1 ? 0 : (float) x / (width - 1));
        }
        return strip;
    }
}
