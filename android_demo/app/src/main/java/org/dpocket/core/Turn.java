package org.dpocket.core;

/** Quarter turns of planes. */
final class Turn {
    private Turn() {}

    /** {@code plane} turned clockwise by {@code quarters} × 90°. */
    static Plane clockwise(Plane plane, int quarters) {
        Plane turned = plane;
        for (int i = 0; i < (quarters % 4 + 4) % 4; i++) {
            turned = once(turned);
        }
        return turned;
    }

    private static Plane once(Plane plane) {
        float[] turned = new float[plane.values.length];
        for (int y = 0; y < plane.height; y++) {
            for (int x = 0; x < plane.width; x++) {
                turned[x * plane.height + plane.height - 1 - y] = plane.values[y * plane.width + x];
            }
        }
        return new Plane(turned, plane.width, plane.height);
    }
}
