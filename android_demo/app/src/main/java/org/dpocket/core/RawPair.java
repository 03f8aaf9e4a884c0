package org.dpocket.core;

import java.nio.ByteBuffer;

/**
 * The hidden dual-pixel stream of Pixel 3 and 4: 4032×756 samples of 16 bit, of which a left and a right one follow one another.
 * Its format is not public: size, order and levels are those of Google's capture app, which is known to work on the phones below.
 */
public final class RawPair {
    public static final int FORMAT = 0x1002;
    public static final int STREAM_WIDTH = 2 * Radiometry.APP_WIDTH;
    public static final int STREAM_HEIGHT = Radiometry.APP_HEIGHT;
    public static final double BLACK = 64;
    private static final double WHITE = 1023;
    private static final int BITS = 10;
    private static final String[] PHONES = {"Pixel 3", "Pixel 3 XL", "Pixel 4", "Pixel 4 XL"};

    private RawPair() {}

    /** Why this phone gives no live capture, in words; null where it may. {@code maker} and {@code model} as Android's Build has them. */
    public static String whyNot(String maker, String model) {
        if (maker.equalsIgnoreCase("Google")) {
            for (String phone : PHONES) {
                if (phone.equals(model)) {
                    return null;
                }
            }
        }
        return maker + " " + model + " does not give its dual pixels to apps: only Pixel 3, 3 XL, 4 and 4 XL do, through a stream that Android"
            + " does not document. Open a .dpz package or a left and a right PGM instead.";
    }

    /**
     * The capture in an image's bytes (in the order that the buffer has), whose rows are {@code rowBytes} apart.
     *
     * @throws DpException where there are fewer than the stream's size asks for
     */
    public static Dpz capture(ByteBuffer bytes, int rowBytes, double black, int orientation, String name, String maker,
        String model) throws DpException {
        int width = Radiometry.APP_WIDTH;
        if (rowBytes < 2 * STREAM_WIDTH || bytes.limit() < (long) rowBytes * (STREAM_HEIGHT - 1) + 2 * STREAM_WIDTH) {
            throw new DpException("the camera gave " + bytes.limit() + " bytes in rows of " + rowBytes + " where " + STREAM_WIDTH + "×"
                + STREAM_HEIGHT + " samples of 16 bit were expected; this phone's stream is another one");
        }
        char[] left = new char[width * STREAM_HEIGHT];
        char[] right = new char[left.length];
        for (int y = 0; y < STREAM_HEIGHT; y++) {
            for (int x = 0; x < width; x++) {
                left[y * width + x] = bytes.getChar(y * rowBytes + 4 * x);
                right[y * width + x] = bytes.getChar(y * rowBytes + 4 * x + 2);
            }
        }
        Dpz.Sensor sensor = new Dpz.Sensor(black, WHITE, BITS, "horizontal", 1, Radiometry.APP_ASPECT, orientation, maker, model);
        return new Dpz(name, sensor, new Dpz.View(left, STREAM_HEIGHT, width, 2), new Dpz.View(right, STREAM_HEIGHT, width, 2), null,
            null);
    }
}
