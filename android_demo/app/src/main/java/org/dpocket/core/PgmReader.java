package org.dpocket.core;

import java.nio.charset.Charset;

/** Binary PGM (netpbm's P5): one grey plane, 8 bit, or 16 bit with the high byte first. */
public final class PgmReader {
    public static final int LONGEST_SIDE = 65535;
    private static final int LONGEST_HEADER = 4096;
    private static final Charset LATIN = Charset.forName("ISO-8859-1");

    /** Samples as stored, H×W, and the header's largest value. */
    public static final class Pgm {
        public final char[] samples;
        public final int height;
        public final int width;
        public final int maxval;

        Pgm(char[] samples, int height, int width, int maxval) {
            this.samples = samples;
            this.height = height;
            this.width = width;
            this.maxval = maxval;
        }
    }

    private final byte[] data;
    private final String name;
    private int at = 2;

    private PgmReader(byte[] data, String name) {
        this.data = data;
        this.name = name;
    }

    /**
     * The picture in {@code data}; {@code name} is for messages.
     *
     * @throws DpException for an empty, truncated, overlong, foreign or malformed file
     */
    public static Pgm read(byte[] data, String name) throws DpException {
        return new PgmReader(data, name).read();
    }

    private Pgm read() throws DpException {
        if (data.length == 0) {
            throw new DpException(name + " is empty (0 bytes); copy it again from where it was made");
        }
        if (data.length < 2 || data[0] != 'P' || data[1] != '5') {
            throw new DpException(name + " is not a binary PGM (P5), whatever its name says; give the original file");
        }
        int width = number();
        int height = number();
        int maxval = number();
        if (at >= data.length || at >= LONGEST_HEADER || !isSpace(data[at])) {
            throw badHeader();
        }
        at++;
        if (width < 1 || width > LONGEST_SIDE || height < 1 || height > LONGEST_SIDE || maxval < 1 || maxval > 65535) {
            throw new DpException(name + " has a bad PGM header: " + width + "×" + height + " pixels with values up to " + maxval
                + "; sides are 1 to " + LONGEST_SIDE + " and the largest value is 1 to 65535");
        }
        int bytes = maxval < 256 ? 1 : 2;
        checkLength((long) width * height * bytes, width + "×" + height + " pixels of " + bytes + (bytes == 1 ? " byte" : " bytes"));
        return new Pgm(samples(width * height, bytes, maxval), height, width, maxval);
    }

    private void checkLength(long promised, String size) throws DpException {
        long found = data.length - at;
        if (found < promised) {
            throw new DpException(name + " is truncated: its header promises " + size + " = " + promised + " bytes, " + found
                + " are there; copy it again");
        }
        if (found > promised) {
            throw new DpException(name + " has " + (found - promised) + " bytes more than the " + size + " = " + promised
                + " bytes of its header; the header or the file is wrong");
        }
    }

    private char[] samples(int count, int bytes, int maxval) throws DpException {
        char[] samples = new char[count];
        int largest = 0;
        for (int i = 0; i < count; i++) {
            int high = data[at + i * bytes] & 0xFF;
            int value = bytes == 1 ? high : high << 8 | data[at + 2 * i + 1] & 0xFF;
            largest = Math.max(largest, value);
            samples[i] = (char) value;
        }
        if (largest > maxval) {
            throw new DpException(name + " has values up to " + largest + ", above the " + maxval + " of its header");
        }
        return samples;
    }

    /** White space and comments, then digits. */
    private int number() throws DpException {
        int start = at;
        while (at < data.length && (isSpace(data[at]) || data[at] == '#')) {
            if (data[at] == '#') {
                while (at < data.length && data[at] != '\n' && data[at] != '\r') {
                    at++;
                }
            } else {
                at++;
            }
        }
        int first = at;
        long value = 0;
        while (at < data.length && data[at] >= '0' && data[at] <= '9') {
            value = Math.min(value * 10 + (data[at] - '0'), Integer.MAX_VALUE);
            at++;
        }
        if (first == start || first == at) {
            throw badHeader();
        }
        return (int) value;
    }

    private DpException badHeader() {
        String start = new String(data, 0, Math.min(32, data.length), LATIN).split("[\r\n]", 2)[0];
        return new DpException(name + " has a bad PGM header: 'P5 width height maxval' was expected, '" + start + "' was found");
    }

    private static boolean isSpace(byte value) {
        return value == ' ' || value >= '\t' && value <= '\r';
    }
}
