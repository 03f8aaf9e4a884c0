package org.dpocket.core;

/** From stored samples to linear light, the same bits as {@code runtime_py/captures/radiometry.py}. */
public final class Radiometry {
    /** Size and levels of the files of Google's capture app for Pixel phones; a stored pixel is twice as high as wide. */
    public static final int APP_WIDTH = 2016;
    public static final int APP_HEIGHT = 756;
    public static final int APP_WHITE = 65535;
    public static final double APP_BLACK = 64 * 65535 / 1023.0;
    public static final int APP_ASPECT = 2;

    private Radiometry() {}

    /** Counts (unsigned, H×W) to max(0, (v - black) / (white - black)), rounded to float; highlights may exceed 1. */
    public static Plane linear(char[] counts, int height, int width, double black, double white) {
        float[] linear = new float[counts.length];
        for (int i = 0; i < linear.length; i++) {
            linear[i] = (float) Math.max((counts[i] - black) / (white - black), 0.0);
        }
        return new Plane(linear, height, width);
    }

    /** {@code view} with every row repeated {@code aspect} times: height of a stored pixel over its width. */
    public static Plane squarePixels(Plane view, int aspect) throws DpException {
        if (aspect < 1 || (long) view.values.length * aspect > Integer.MAX_VALUE / 4) {
            throw new DpException("a view of " + view.width + "×" + view.height + " cannot have its rows repeated " + aspect + " times");
        }
        float[] square = new float[view.values.length * aspect];
        for (int y = 0; y < view.height * aspect; y++) {
            System.arraycopy(view.values, y / aspect * view.width, square, y * view.width, view.width);
        }
        return new Plane(square, view.height * aspect, view.width);
    }

    /**
     * A view of Google's capture app, 2016×1512, from one of its PGM files; {@code name} is for messages.
     *
     * @throws DpException for a damaged file or another size or depth
     */
    public static Plane ofCaptureApp(byte[] file, String name) throws DpException {
        PgmReader.Pgm pgm = PgmReader.read(file, name);
        if (pgm.width != APP_WIDTH || pgm.height != APP_HEIGHT || pgm.maxval != APP_WHITE) {
            throw new DpException(name + " is " + pgm.width + "×" + pgm.height + " with values up to " + pgm.maxval
                + "; the capture app writes " + APP_WIDTH + "×" + APP_HEIGHT + " with values up to " + APP_WHITE);
        }
        return squarePixels(linear(pgm.samples, pgm.height, pgm.width, APP_BLACK, APP_WHITE), APP_ASPECT);
    }
}
