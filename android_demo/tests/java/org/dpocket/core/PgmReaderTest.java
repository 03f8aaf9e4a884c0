package org.dpocket.core;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.nio.charset.Charset;
import java.util.Random;
import org.junit.Test;

/** A PGM is read whole, or refused with what is wrong in it. */
public class PgmReaderTest {
    private static final Charset LATIN = Charset.forName("ISO-8859-1");

    @Test
    public void sixteenBitsComeHighByteFirst() throws Exception {
        PgmReader.Pgm pgm = read("P5 2 1 65535\n\u0001\u0002\u00ff\u0000");
        assertArrayEquals(new char[] {0x0102, 0xFF00}, pgm.samples);
    }

    @Test
    public void damageIsNamed() {
        refused("", "is empty");
        refused("P6 1 1 255\nabc", "not a binary PGM");
        refused("P5 2 x 255\nab", "bad PGM header: 'P5 width height maxval' was expected, 'P5 2 x 255'");
        refused("P5 2 1 255", "bad PGM header");
        refused("P5 0 1 255\n", "0×1 pixels");
        refused("P5 70000 1 255\n", "sides are 1 to 65535");
        refused("P5 99999999999999999999 1 255\n", "sides are 1 to 65535");
        refused("P5 2 1 70000\nab", "values up to 70000");
        refused("P5 2 2 255\nabc", "truncated: its header promises 2×2 pixels of 1 byte = 4 bytes, 3 are there");
        refused("P5 65535 65535 65535\nabc", "truncated");
        refused("P5 1 1 255\nabc", "2 bytes more");
        refused("P5 1 1 100\nz", "values up to 122, above the 100");
    }

    @Test
    public void aFileOfTheCaptureAppBecomesAViewOfSquarePixels() throws Exception {
        byte[] header = "P5 2016 756 65535\n".getBytes(LATIN);
        byte[] file = new byte[header.length + 2016 * 756 * 2];
        System.arraycopy(header, 0, file, 0, header.length);
        file[header.length] = (byte) 0xFF;
        file[header.length + 1] = (byte) 0xFF;
        Plane view = Radiometry.ofCaptureApp(file, "a_left.pgm");
        assertEquals(1512, view.height);
        assertEquals(1f, view.values[0], 0f);
        assertEquals(1f, view.values[2016], 0f);
        assertEquals(0f, view.values[2 * 2016], 0f);
        try {
            Radiometry.ofCaptureApp("P5 1 1 255\na".getBytes(LATIN), "x");
            fail("1×1 taken");
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains("the capture app writes 2016×756"));
        }
    }

    @Test
    public void damagedBytesEndInASentence() throws Exception {
        byte[] sound = Golden.cases("pgm").get(0).array("file").bytes();
        Random random = new Random(5);
        for (int i = 0; i < 5000; i++) {
            byte[] damaged = new byte[random.nextInt(sound.length + 1)];
            System.arraycopy(sound, 0, damaged, 0, damaged.length);
            for (int j = random.nextInt(4); j > 0 && damaged.length > 0; j--) {
                damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
            }
            try {
                PgmReader.read(damaged, "damaged");
            } catch (DpException e) {
                assertTrue(e.getMessage().startsWith("damaged "));
            }
        }
    }

    private static PgmReader.Pgm read(String text) throws DpException {
        return PgmReader.read(text.getBytes(LATIN), "a.pgm");
    }

    private static void refused(String text, String reason) {
        try {
            read(text);
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains(reason));
            return;
        }
        fail("read: " + text);
    }
}
