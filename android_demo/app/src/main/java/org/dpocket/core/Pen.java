package org.dpocket.core;

/** What a screen is drawn with: android.graphics.Canvas on a phone, java.awt in the tests. Lengths are screen pixels. */
public interface Pen {
    /** Where {@code x} lies in a text. */
    enum Align { LEFT, CENTRE, RIGHT }

    void fill(float left, float top, float right, float bottom, int argb);

    void line(float fromX, float fromY, float toX, float toY, float thickness, int argb);

    /** {@code picture} stretched over the rectangle, interpolated where {@code smooth}. */
    void picture(Picture picture, float left, float top, float right, float bottom, boolean smooth);

    /** One line of text with its baseline at {@code y}, {@code size} px high. */
    void text(String text, float x, float y, float size, Align align, int argb);

    float textWidth(String text, float size);
}
