package org.dpocket.core;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.geom.Line2D;
import java.awt.geom.Rectangle2D;
import java.awt.image.BufferedImage;

/** A {@link Pen} on a desktop, so that the app's drawing code can be looked at. */
final class AwtPen implements Pen {
    final BufferedImage image;
    private final Graphics2D graphics;

    AwtPen(int width, int height) {
        image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        graphics = image.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_ANTIALIASING, RenderingHints.VALUE_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setRenderingHint(RenderingHints.KEY_STROKE_CONTROL, RenderingHints.VALUE_STROKE_PURE);
    }

    /** A pen whose origin is {@code down} px lower on the same image. */
    void moveDown(int down) {
        graphics.translate(0, down);
    }

    @Override
    public void fill(float left, float top, float right, float bottom, int argb) {
        graphics.setColor(new Color(argb));
        graphics.fill(new Rectangle2D.Float(left, top, right - left, bottom - top));
    }

    @Override
    public void line(float fromX, float fromY, float toX, float toY, float thickness, int argb) {
        graphics.setColor(new Color(argb));
        graphics.setStroke(new BasicStroke(thickness, BasicStroke.CAP_BUTT, BasicStroke.JOIN_MITER));
        graphics.draw(new Line2D.Float(fromX, fromY, toX, toY));
    }

    @Override
    public void picture(Picture picture, float left, float top, float right, float bottom, boolean smooth) {
        BufferedImage drawn = new BufferedImage(picture.width, picture.height, BufferedImage.TYPE_INT_RGB);
        drawn.setRGB(0, 0, picture.width, picture.height, picture.argb, 0, picture.width);
        graphics.setRenderingHint(RenderingHints.KEY_INTERPOLATION, smooth
            ? RenderingHints.VALUE_INTERPOLATION_BILINEAR : RenderingHints.VALUE_INTERPOLATION_NEAREST_NEIGHBOR);
        graphics.drawImage(drawn, Math.round(left), Math.round(top), Math.round(right) - Math.round(left),
            Math.round(bottom) - Math.round(top), null);
    }

    @Override
    public void text(String text, float x, float y, float size, Align align, int argb) {
        float width = align == Align.LEFT ? 0 : textWidth(text, size);
        graphics.setColor(new Color(argb));
        graphics.setFont(font(size));
        graphics.drawString(text, align == Align.CENTRE ? x - width / 2 : x - width, y);
    }

    @Override
    public float textWidth(String text, float size) {
        return (float) font(size).getStringBounds(text, graphics.getFontRenderContext()).getWidth();
    }

    private static Font font(float size) {
        return new Font(Font.SANS_SERIF, Font.PLAIN, 1).deriveFont(size);
    }
}
