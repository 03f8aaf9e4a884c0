package org.dpocket.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.junit.Assert.fail;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.Test;

public class RawPairTest {
    private static final int PADDING = 128;
    private static final int ROW = 2 * RawPair.STREAM_WIDTH + PADDING;

    @Test
    public void samplesAlternateBetweenTheViews() throws Exception {
        ByteBuffer stream = ByteBuffer.allocate(ROW * RawPair.STREAM_HEIGHT - PADDING).order(ByteOrder.LITTLE_ENDIAN);
        for (int y = 0; y < RawPair.STREAM_HEIGHT; y++) {
            for (int x = 0; x < 2016; x++) {
                stream.putChar(y * ROW + 4 * x, (char) (64 + (x + y) % 900));
                stream.putChar(y * ROW + 4 * x + 2, (char) (65 + (x + y) % 900));
            }
        }
        Dpz capture = RawPair.capture(stream, ROW, 64, 90, "now", "Google", "Pixel 4");
        assertEquals(64 + 13, capture.left.counts[3 * 2016 + 10]);
        assertEquals(65 + 13, capture.right.counts[3 * 2016 + 10]);
        assertEquals(90, capture.sensor.orientation);
        Plane linear = capture.linear(capture.left);
        assertEquals("stored pixels are twice as high as wide", 1512, linear.height);
        assertEquals("black is no light", 0, linear.values[0], 0);
        assertEquals(13 / 959.0, linear.values[7 * 2016 + 10], 1e-7);
    }

    @Test
    public void anImageOfAnotherSizeIsRefused() {
        try {
            RawPair.capture(ByteBuffer.allocate(1000), ROW, 64, 0, "now", "Google", "Pixel 4");
            fail("taken");
        } catch (DpException e) {
            assertTrue(e.getMessage(), e.getMessage().contains("1000 bytes"));
        }
    }

    @Test
    public void onlyPhonesThatAreKnownToGiveTheStreamHaveLiveCapture() {
        assertNull(RawPair.whyNot("Google", "Pixel 4 XL"));
        assertNull(RawPair.whyNot("google", "Pixel 3"));
        assertTrue(RawPair.whyNot("Google", "Pixel 6 Pro").contains("only Pixel 3, 3 XL, 4 and 4 XL"));
        assertTrue(RawPair.whyNot("Other", "Pixel 4").startsWith("Other Pixel 4"));
    }
}
