package org.dpocket.core;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import org.junit.Test;

public class TiltTest {
    private static Tilt held(float x, float y, int quarters) {
        Tilt tilt = new Tilt();
        tilt.hold(0, 0, quarters);
        for (int i = 0; i < 20; i++) {
            tilt.hold(x, y, quarters);
        }
        return tilt;
    }

    @Test
    public void theFirstHoldIsTheMiddle() {
        Tilt tilt = new Tilt();
        tilt.hold(1, 7, 0);
        assertEquals(0, tilt.across(), 0);
        assertEquals(0, tilt.down(), 0);
    }

    @Test
    public void anEyeToTheRightSeesNearThingsMoveLeft() {
        // A raised right edge has the x axis point up: the eye is to the right of the screen's middle line.
        assertTrue(held(1.5f, 0, 0).across() < -0.3f);
        assertTrue(held(-1.5f, 0, 0).across() > 0.3f);
    }

    @Test
    public void fifteenDegreesAreFullTiltAndMoreIsNoMore() {
        assertEquals(-1, held(9.81f, 0, 0).across(), 0);
        assertEquals(1, held(0, 9.81f, 0).down(), 0);
    }

    @Test
    public void aTurnedDisplayTurnsTheAxes() {
        // A quarter turn counter-clockwise: the device's y axis points to the screen's left.
        assertEquals(held(1, 0, 0).across(), held(0, -1, 1).across(), 1e-6f);
        assertEquals(held(0, 1, 0).down(), held(1, 0, 1).down(), 1e-6f);
        assertEquals(held(1, 0, 0).across(), held(-1, 0, 2).across(), 1e-6f);
        assertEquals(held(1, 0, 0).across(), held(0, 1, 3).across(), 1e-6f);
    }

    @Test
    public void aHoldThatIsKeptBecomesTheMiddle() {
        Tilt tilt = held(1.5f, 0, 0);
        for (int i = 0; i < 2000; i++) {
            tilt.hold(1.5f, 0, 0);
        }
        assertEquals(0, tilt.across(), 1e-3f);
        tilt.reset();
        tilt.hold(-3, 2, 0);
        assertEquals(0, tilt.across(), 0);
    }
}
