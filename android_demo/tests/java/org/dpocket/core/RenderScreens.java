package org.dpocket.core;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Executor;
import javax.imageio.ImageIO;

/**
 * Draws the app's screens on a desktop: session, gallery and stage are the app's own, computed from maps that the reference
 * runtime made. Buttons are stand-ins for Android's widgets; their words and whether they work come from the session.
 *
 * <p>Arguments: a folder with left.f32, right.f32, disparity.f32 and confidence.f32 (little-endian rows), their width and height,
 * the working width and error of the contract's confidence, and the folder for the PNGs.
 */
public final class RenderScreens {
    private static final int WIDTH = 1080;
    private static final int HEIGHT = 2160;
    private static final float DENSITY = 3;
    private static final int BUTTON = 0xFF2A3138;
    private static final int CHOSEN = 0xFF3D6A9E;

    private final File out;
    private final Recorded device;

    private RenderScreens(File out, Recorded device) {
        this.out = out;
        this.device = device;
    }

    public static void main(String[] arguments) throws IOException {
        System.setProperty("java.awt.headless", "true");
        File folder = new File(arguments[0]);
        int width = Integer.parseInt(arguments[1]);
        int height = Integer.parseInt(arguments[2]);
        Recorded device = new Recorded(folder, width, height, Integer.parseInt(arguments[3]), Float.parseFloat(arguments[4]));
        new RenderScreens(new File(arguments[5]), device).all();
    }

    private void all() throws IOException {
        Session session = new Session(device, NOW, NOW);
        session.start();
        save("01-start", session);
        session.open(Collections.<Device.Source>singletonList(new Nothing()));
        Gallery gallery = session.gallery();
        gallery.choose(Gallery.Mode.PICTURE);
        save("02-picture", session);
        gallery.choose(Gallery.Mode.DISPARITY);
        save("03-disparity", session);
        int[] near = device.extreme(true);
        int[] far = device.extreme(false);
        gallery.tap(near[0], near[1]);
        save("04-disparity-tapped", session);
        gallery.choose(Gallery.Mode.CONFIDENCE);
        save("05-confidence", session);
        gallery.choose(Gallery.Mode.REFOCUS);
        save("06-refocus-near", session);
        gallery.tap(far[0], far[1]);
        save("07-refocus-far", session);
        gallery.choose(Gallery.Mode.PARALLAX);
        gallery.tilt(-1, 0);
        save("08-parallax-left", session);
        gallery.tilt(1, 0);
        save("09-parallax-right", session);
        gallery.tilt(0, 1);
        save("10-parallax-down", session);
        device.agrees = false;
        session.nextRuntime();
        gallery.choose(Gallery.Mode.DISPARITY);
        save("11-disagreement", session);
        device.thrown = new UnsatisfiedLinkError("libLiteRt.so not found in the app's library folder");
        session.nextRuntime();
        save("12-no-library", session);
    }

    private static final Executor NOW = new Executor() {
        @Override
        public void execute(Runnable task) {
            task.run();
        }
    };

    private void save(String name, Session session) throws IOException {
        AwtPen pen = new AwtPen(WIDTH, HEIGHT);
        pen.fill(0, 0, WIDTH, HEIGHT, Stage.BACKGROUND);
        float y = 12 * DENSITY;
        y = row(pen, y, Labels.actions(session));
        y = row(pen, y, Labels.modes(session));
        List<String> below = new ArrayList<String>();
        if (!session.message().isEmpty()) {
            below.addAll(wrapped(pen, session.message()));
        }
        int warned = below.size();
        for (String line : session.report().split("\n")) {
            below.addAll(wrapped(pen, line));
        }
        float line = 19 * DENSITY;
        float text = HEIGHT - (below.size() + 0.7f) * line;
        pen.moveDown(Math.round(y));
        session.gallery().stage().draw(pen, WIDTH, text - line - y, DENSITY);
        pen.moveDown(-Math.round(y));
        for (int i = 0; i < below.size(); i++) {
            pen.text(below.get(i), 16 * DENSITY, text + i * line, 13 * DENSITY, Pen.Align.LEFT, i < warned ? Stage.WARNING : Stage.TEXT);
        }
        if (!out.isDirectory() && !out.mkdirs()) {
            throw new IOException("cannot make " + out);
        }
        ImageIO.write(pen.image, "png", new File(out, name + ".png"));
        System.out.println(name + ": " + session.state() + ", " + session.report().replace("\n", "; "));
    }

    private static float row(AwtPen pen, float top, List<Labels.Button> buttons) {
        float gap = 6 * DENSITY;
        int letters = 0;
        for (Labels.Button button : buttons) {
            letters += button.weight();
        }
        float room = WIDTH - 10 * DENSITY * 2 - gap * (buttons.size() - 1);
        float bottom = top + 38 * DENSITY;
        float left = 10 * DENSITY;
        for (Labels.Button button : buttons) {
            float each = room * button.weight() / letters;
            pen.fill(left, top, left + each, bottom, button.isChosen ? CHOSEN : BUTTON);
            int colour = button.works ? Stage.TEXT : 0xFF626B73;
            pen.text(button.label, left + each / 2, top + 24 * DENSITY, 12 * DENSITY, Pen.Align.CENTRE, colour);
            left += each + gap;
        }
        return bottom + gap;
    }

    private static List<String> wrapped(Pen pen, String text) {
        List<String> lines = new ArrayList<String>();
        StringBuilder line = new StringBuilder();
        for (String word : text.split(" ")) {
            if (line.length() > 0 && pen.textWidth(line + " " + word, 13 * DENSITY) > WIDTH - 32 * DENSITY) {
                lines.add(line.toString());
                line.setLength(0);
            }
            line.append(line.length() == 0 ? "" : " ").append(word);
        }
        lines.add(line.toString());
        return lines;
    }

    /** A file that nobody reads. */
    private static final class Nothing implements Device.Source {
        @Override
        public String name() {
            return "rendered.dpz";
        }

        @Override
        public InputStream open() {
            throw new UnsupportedOperationException();
        }
    }

    /** Maps of the reference runtime in the place of a phone. */
    private static final class Recorded implements Device {
        final Views views;
        boolean agrees = true;
        Throwable thrown;
        private final Found found;
        private final int workingWidth;
        private final float withinPx;

        Recorded(File folder, int width, int height, int workingWidth, float withinPx) throws IOException {
            Plane left = plane(new File(folder, "left.f32"), height, width);
            views = new Views("Rendered capture", left, plane(new File(folder, "right.f32"), height, width), 0, null);
            File sure = new File(folder, "confidence.f32");
            found = new Found(plane(new File(folder, "disparity.f32"), height, width),
                sure.exists() ? plane(sure, height, width) : null, null);
            this.workingWidth = workingWidth;
            this.withinPx = withinPx;
        }

        private Preview preview() {
            return Preview.of(views, found);
        }

        /** The place in the preview of the largest or smallest disparity, well inside the picture. */
        int[] extreme(boolean largest) {
            Preview preview = preview();
            int width = preview.view.width;
            int height = preview.view.height;
            int[] at = {width / 2, height / 2};
            for (int y = height / 8; y < height * 7 / 8; y++) {
                for (int x = width / 8; x < width * 7 / 8; x++) {
                    float here = preview.disparity[y * width + x];
                    float best = preview.disparity[at[1] * width + at[0]];
                    if (largest ? here > best : here < best) {
                        at = new int[] {x, y};
                    }
                }
            }
            return at;
        }

        private static Plane plane(File file, int height, int width) throws IOException {
            FloatBuffer read = ByteBuffer.wrap(Files.readAllBytes(file.toPath())).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
            float[] values = new float[read.remaining()];
            read.get(values);
            return new Plane(values, height, width);
        }

        @Override
        public List<String> runtimes() {
            List<String> names = new ArrayList<String>();
            names.add("LiteRT");
            names.add("ExecuTorch");
            return names;
        }

        @Override
        public Opened open(String runtime) {
            if (thrown instanceof Error) {
                throw (Error) thrown;
            }
            String words = agrees ? "the golden pair came out as on the desktop, every integer"
                : "214 of 12288 integers of the golden pair differ from the desktop's, by up to 3 steps";
            return new Opened("reference runtime, in the place of " + runtime, agrees, words, workingWidth, withinPx);
        }

        @Override
        public Views load(List<Source> files) {
            return views;
        }

        @Override
        public Found run(Views given, Timing timing) {
            return found;
        }

        @Override
        public void export(Views given, Found result, OutputStream to) {}

        @Override
        public String whyNoCapture() {
            return "no camera here";
        }

        @Override
        public Views capture() {
            return views;
        }
    }
}
