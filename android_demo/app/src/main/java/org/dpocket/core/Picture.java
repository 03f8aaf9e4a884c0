package org.dpocket.core;

/** Opaque ARGB pixels, row by row: what an Android Bitmap and a PNG writer both take. */
public final class Picture {
    public final int width;
    public final int height;
    /** 0xAARRGGBB, {@code width * height} of them. */
    public final int[] argb;

    public Picture(int width, int height) {
        this(width, height, new int[checkedArea(width, height)]);
    }

    public Picture(int width, int height, int[] argb) {
        if (argb.length != checkedArea(width, height)) {
            throw new IllegalArgumentException(argb.length + " pixels are no picture of " + width + "×" + height);
        }
        this.width = width;
        this.height = height;
        this.argb = argb;
    }

    /** This picture without {@code border} px at each side; sides that are too short for it stay as they are. */
    public Picture inside(int border) {
        int x = width > 2 * border ? border : 0;
        int y = height > 2 * border ? border : 0;
        Picture inside = new Picture(width - 2 * x, height - 2 * y);
        for (int row = 0; row < inside.height; row++) {
            System.arraycopy(argb, (row + y) * width + x, inside.argb, row * inside.width, inside.width);
        }
        return inside;
    }

    /** 0xFFRRGGBB of three channels, each clamped to 0..255 and rounded to the nearest. */
    public static int rgb(double red, double green, double blue) {
        return 0xFF000000 | channel(red) << 16 | channel(green) << 8 | channel(blue);
    }

    private static int channel(double value) {
        return value <= 0 ? 0 : value >= 255 ? 255 : (int) (value + 0.5);
    }

    private static int checkedArea(int width, int height) {
        if (width < 1 || height < 1 || (long) width * height > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("a picture cannot be " + width + "×" + height);
        }
        return width * height;
    }
}
