package org.dpocket.core;

/**
 * From how a phone is held to where the eye is in front of it: -1..1 across and down, for {@link Gallery#tilt}.
 *
 * <p>Takes what an accelerometer says (m/s², which points away from the ground). The hold that is kept becomes the middle by and by.
 */
public final class Tilt {
    /** Sine of the angle that counts as full tilt: 15°. */
    private static final float FULL = 0.26f;
    private static final float GRAVITY = 9.81f;
    private static final float SMOOTHING = 0.2f;
    private static final float DRIFT = 0.01f;

    private float x;
    private float y;
    private float middleX;
    private float middleY;
    private boolean isHeld;

    /** The next sample is the middle. */
    public void reset() {
        isHeld = false;
    }

    /**
     * One sample, along the device's x and y axes; {@code quarters}: the display's rotation, as in android.view.Surface.ROTATION_*.
     * An eye to the right sees what is near move to the left.
     */
    public void hold(float deviceX, float deviceY, int quarters) {
        float screenX = quarters == 0 ? deviceX : quarters == 1 ? -deviceY : quarters == 2 ? -deviceX : deviceY;
        float screenY = quarters == 0 ? deviceY : quarters == 1 ? deviceX : quarters == 2 ? -deviceY : -deviceX;
        if (!isHeld) {
            isHeld = true;
            x = screenX;
            y = screenY;
            middleX = screenX;
            middleY = screenY;
        }
        x += SMOOTHING * (screenX - x);
        y += SMOOTHING * (screenY - y);
        middleX += DRIFT * (x - middleX);
        middleY += DRIFT * (y - middleY);
    }

    public float across() {
        return clamped(-(x - middleX));
    }

    public float down() {
        return clamped(y - middleY);
    }

    private static float clamped(float lean) {
        return Math.max(-1, Math.min(1, lean / (GRAVITY * FULL)));
    }
}
