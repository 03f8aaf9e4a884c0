package org.dpocket.core;

/**
 * Synthetic depth of field from one picture and its disparity: blur grows with |d − d_focus|, as a circle of confusion does.
 *
 * <p>The picture is cut into layers of disparity that are blurred each with its own disc and laid over one another from far to
 * near, so that what is sharp in front keeps its outline and gives no light to the blur behind it. A pixel between two layers
 * belongs wholly to the farther one and in part to the nearer one: surfaces that cross layers stay opaque. All of it happens in
 * linear light.
 */
public final class Refocus {
    private static final int LAYERS_A_SIDE = 10;
    private static final double GAMMA = 2.2;
    private static final float COVERED = 1e-4f;
    private static final float THIN = 0.02f;

    private final Picture picture;
    private final float[] disparity;
    private final float[][] light;

    /** {@code disparity}: signed, one value per pixel of {@code picture}. */
    public Refocus(Picture picture, float[] disparity) {
        if (disparity.length != picture.argb.length) {
            throw new IllegalArgumentException(disparity.length + " disparities for " + picture.argb.length + " pixels");
        }
        this.picture = picture;
        this.disparity = disparity;
        this.light = linear(picture);
    }

    /** The picture focused at {@code focus} px; a disparity of one px more or less is blurred to a disc of {@code radiusPerPx}. */
    public Picture at(float focus, float radiusPerPx) {
        float reach = 0;
        for (float d : disparity) {
            reach = Math.max(reach, Math.abs(d - focus));
        }
        if (!(reach * radiusPerPx > 0)) {
            return new Picture(picture.width, picture.height, picture.argb.clone());
        }
        float step = reach / LAYERS_A_SIDE;
        Canvas canvas = new Canvas(light.length, picture.width, picture.height);
        boolean hasGround = false;
        for (int layer = -LAYERS_A_SIDE; layer <= LAYERS_A_SIDE; layer++) {
            float[] mask = mask(layer, focus, step);
            if (mask == null) {
                continue;
            }
            if (layer > 0 && !hasGround) {
                // Only from here on does blur reach over what is sharper behind it, and show what no pixel has seen.
                canvas.continueBehind(reach * radiusPerPx);
                hasGround = true;
            }
            canvas.lay(light, mask, Math.abs(layer) * step * radiusPerPx);
        }
        return encoded(canvas);
    }

    /** Share of every pixel in a layer: 1 from the layer's disparity to the next one's, falling to 0 towards the one before. */
    private float[] mask(int layer, float focus, float step) {
        float[] mask = new float[disparity.length];
        boolean isEmpty = true;
        for (int i = 0; i < mask.length; i++) {
            double place = (disparity[i] - focus) / step;
            int floor = Math.min((int) Math.floor(place + 1e-6), LAYERS_A_SIDE);
            float share = floor == layer ? 1 : floor == layer - 1 ? (float) Math.max(0, place - floor) : 0;
            mask[i] = share;
            isEmpty &= share == 0;
        }
        return isEmpty ? null : mask;
    }

    private static float[][] linear(Picture picture) {
        float[] table = new float[256];
        for (int i = 0; i < 256; i++) {
            table[i] = (float) Math.pow(i / 255.0, GAMMA);
        }
        boolean isGrey = true;
        for (int p : picture.argb) {
            isGrey &= (p >> 16 & 255) == (p & 255) && (p >> 8 & 255) == (p & 255);
        }
        float[][] light = new float[isGrey ? 1 : 3][picture.argb.length];
        for (int c = 0; c < light.length; c++) {
            for (int i = 0; i < light[c].length; i++) {
                light[c][i] = table[picture.argb[i] >> 8 * c & 255];
            }
        }
        return light;
    }

    private Picture encoded(Canvas canvas) {
        Picture result = new Picture(picture.width, picture.height);
        double[] shown = new double[3];
        for (int i = 0; i < result.argb.length; i++) {
            if (canvas.cover[i] < COVERED) {
                result.argb[i] = picture.argb[i];
                continue;
            }
            for (int c = 0; c < 3; c++) {
                if (c < canvas.light.length) {
                    shown[c] = 255 * Math.pow(Math.max(0, canvas.light[c][i] / canvas.cover[i]), 1 / GAMMA);
                } else {
                    shown[c] = shown[0];
                }
            }
            result.argb[i] = Picture.rgb(shown[2], shown[1], shown[0]);
        }
        return result;
    }

    /** Light laid down so far, times how much of each pixel is covered. */
    private static final class Canvas {
        final float[][] light;
        final float[] cover;
        private final int width;
        private final int height;

        Canvas(int channels, int width, int height) {
            this.light = new float[channels][width * height];
            this.cover = new float[width * height];
            this.width = width;
            this.height = height;
        }

        void lay(float[][] source, float[] mask, float radius) {
            float[] alpha = DiscBlur.of(mask, width, height, radius);
            for (int c = 0; c < light.length; c++) {
                float[] masked = new float[mask.length];
                for (int i = 0; i < mask.length; i++) {
                    masked[i] = mask[i] * source[c][i];
                }
                float[] blurred = DiscBlur.of(masked, width, height, radius);
                for (int i = 0; i < mask.length; i++) {
                    light[c][i] += blurred[i] - alpha[i] * light[c][i];
                }
            }
            for (int i = 0; i < mask.length; i++) {
                cover[i] += alpha[i] - alpha[i] * cover[i];
            }
        }

        /** Makes what is laid down opaque, and continues it, averaged over {@code radius}, where there is nothing. */
        void continueBehind(float radius) {
            float[] near = DiscBlur.of(cover, width, height, radius + 1);
            for (int c = 0; c < light.length; c++) {
                float[] spread = DiscBlur.of(light[c], width, height, radius + 1);
                for (int i = 0; i < cover.length; i++) {
                    if (cover[i] > THIN) {
                        light[c][i] /= cover[i];
                    } else if (near[i] > COVERED) {
                        light[c][i] = spread[i] / near[i];
                    }
                }
            }
            for (int i = 0; i < cover.length; i++) {
                cover[i] = cover[i] > THIN || near[i] > COVERED ? 1 : cover[i];
            }
        }
    }
}
