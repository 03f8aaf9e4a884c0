package org.dpocket.app;

import android.graphics.Bitmap;
import android.graphics.Canvas;
import android.graphics.Paint;
import android.graphics.RectF;
import java.util.Map;
import java.util.WeakHashMap;
import org.dpocket.core.Pen;
import org.dpocket.core.Picture;

/** A {@link Pen} on an Android canvas. Bitmaps of pictures are kept as long as the pictures are. */
final class CanvasPen implements Pen {
    private final Paint paint = new Paint(Paint.ANTI_ALIAS_FLAG);
    private final Map<Picture, Bitmap> bitmaps = new WeakHashMap<Picture, Bitmap>();
    private Canvas canvas;

    /** Draws on {@code canvas} from now on. */
    void use(Canvas canvas) {
        this.canvas = canvas;
    }

    @Override
    public void fill(float left, float top, float right, float bottom, int argb) {
        paint.setColor(argb);
        canvas.drawRect(left, top, right, bottom, paint);
    }

    @Override
    public void line(float fromX, float fromY, float toX, float toY, float thickness, int argb) {
        paint.setColor(argb);
        paint.setStrokeWidth(thickness);
        canvas.drawLine(fromX, fromY, toX, toY, paint);
    }

    @Override
    public void picture(Picture picture, float left, float top, float right, float bottom, boolean smooth) {
        Bitmap bitmap = bitmaps.get(picture);
        if (bitmap == null) {
            bitmap = Bitmap.createBitmap(picture.argb, picture.width, picture.height, Bitmap.Config.ARGB_8888);
            bitmaps.put(picture, bitmap);
        }
        paint.setFilterBitmap(smooth);
        canvas.drawBitmap(bitmap, null, new RectF(left, top, right, bottom), paint);
    }

    @Override
    public void text(String text, float x, float y, float size, Align align, int argb) {
        paint.setColor(argb);
        paint.setTextSize(size);
        paint.setTextAlign(align == Align.LEFT ? Paint.Align.LEFT : align == Align.RIGHT ? Paint.Align.RIGHT : Paint.Align.CENTER);
        canvas.drawText(text, x, y, paint);
    }

    @Override
    public float textWidth(String text, float size) {
        paint.setTextSize(size);
        return paint.measureText(text);
    }
}
