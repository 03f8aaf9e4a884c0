package org.dpocket.core;

/** Samples of height × width pixels, row by row from the top. */
public final class Plane {
    public final float[] values;
    public final int height;
    public final int width;

    public Plane(float[] values, int height, int width) {
        if (height < 1 || width < 1 || values.length != (long) height * width) {
            throw new IllegalArgumentException(values.length + " samples are no plane of " + width + "×" + height);
        }
        this.values = values;
        this.height = height;
        this.width = width;
    }
}
