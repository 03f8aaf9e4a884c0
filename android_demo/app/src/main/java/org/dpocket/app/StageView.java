package org.dpocket.app;

import android.content.Context;
import android.graphics.Canvas;
import android.view.MotionEvent;
import android.view.View;
import org.dpocket.core.Gallery;

/** Draws the stage of a gallery; taps read and focus, drags move the viewpoint. */
public final class StageView extends View {
    private final CanvasPen pen = new CanvasPen();
    private final float density;
    private Gallery gallery;
    private float downX;
    private float downY;
    private boolean isTouched;

    public StageView(Context context) {
        super(context);
        density = context.getResources().getDisplayMetrics().density;
    }

    /** Shows what {@code gallery} has now. */
    void show(Gallery gallery) {
        this.gallery = gallery;
        setContentDescription(gallery.stage().words());
        invalidate();
    }

    @Override
    protected void onDraw(Canvas canvas) {
        if (gallery != null) {
            pen.use(canvas);
            gallery.stage().draw(pen, getWidth(), getHeight(), density);
        }
    }

    @Override
    public boolean onTouchEvent(MotionEvent event) {
        if (gallery == null) {
            return false;
        }
        switch (event.getActionMasked()) {
            case MotionEvent.ACTION_DOWN:
                downX = event.getX();
                downY = event.getY();
                isTouched = true;
                return true;
            case MotionEvent.ACTION_MOVE:
                // A finger across half the view goes from the middle to the end.
                gallery.tilt(2 * (event.getX() - downX) / getWidth(), 2 * (event.getY() - downY) / getHeight());
                return true;
            case MotionEvent.ACTION_CANCEL:
                isTouched = false;
                return true;
            case MotionEvent.ACTION_UP:
                isTouched = false;
                performClick();
                tap(event.getX(), event.getY());
                return true;
            default:
                return false;
        }
    }

    /** Whether a finger is on it, which goes before the phone's tilt. */
    boolean isTouched() {
        return isTouched;
    }

    @Override
    public boolean performClick() {
        return super.performClick();
    }

    private void tap(float x, float y) {
        float[] at = gallery.stage().pictureAt(x, y, getWidth(), getHeight(), density);
        if (at != null && gallery.mode() != Gallery.Mode.PARALLAX) {
            gallery.tap(at[0], at[1]);
        }
    }
}
