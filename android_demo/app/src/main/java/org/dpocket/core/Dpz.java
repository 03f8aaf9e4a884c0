package org.dpocket.core;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Capture packages: the same format and limits as {@code runtime_py.captures.dpz}; docs/DPZ.md specifies it. */
public final class Dpz {
    static final String HEADER = "dpz.json";
    private static final int VERSION = 1;
    private static final int LARGEST_HEADER = BoundedZip.MIB;
    private static final long MOST_PIXELS = 1 << 25;
    private static final int LONGEST_TEXT = 300;
    private static final Charset UTF_8 = Charset.forName("UTF-8");

    /** What is known about the sensor; black and white are stored values of no light and of full scale. */
    public static final class Sensor {
        public final double black;
        public final double white;
        /** The sensor's own bits. */
        public final int bitDepth;
        /** "horizontal" or "vertical". */
        public final String dpAxis;
        /** Exponent from stored to linear. */
        public final double gamma;
        /** Height of a stored pixel over its width. */
        public final double pixelAspect;
        /** Clockwise turn in degrees that makes the stored views upright. */
        public final int orientation;
        public final String make;
        public final String model;

        public Sensor(double black, double white, int bitDepth, String dpAxis, double gamma, double pixelAspect,
            int orientation, String make, String model) throws DpException {
            if (!(white > black)) {
                throw new DpException("white level " + white + " is not above black level " + black);
            }
            if (!(pixelAspect >= 0.1 && pixelAspect <= 10 && gamma >= 0.1 && gamma <= 10)) {
                throw new DpException("pixel_aspect " + pixelAspect + " or gamma " + gamma + " lies outside 0.1 to 10");
            }
            if (bitDepth < 1 || bitDepth > 16 || orientation < 0 || orientation > 270 || orientation % 90 != 0) {
                throw new DpException("bit_depth " + bitDepth + " is not 1 to 16 or orientation " + orientation + " no turn");
            }
            if (!dpAxis.equals("horizontal") && !dpAxis.equals("vertical")) {
                throw new DpException("dp_axis is horizontal or vertical, not '" + dpAxis + "'");
            }
            this.black = black;
            this.white = white;
            this.bitDepth = bitDepth;
            this.dpAxis = dpAxis;
            this.gamma = gamma;
            this.pixelAspect = pixelAspect;
            this.orientation = orientation;
            this.make = make;
            this.model = model;
        }
    }

    /** One view as stored: counts of 8 or 16 bit, row by row. */
    public static final class View {
        public final char[] counts;
        public final int height;
        public final int width;
        /** 1 or 2. */
        public final int bytes;

        public View(char[] counts, int height, int width, int bytes) throws DpException {
            if (height < 1 || width < 1 || counts.length != (long) height * width) {
                throw new DpException(counts.length + " counts are no view of " + width + "×" + height);
            }
            this.counts = counts;
            this.height = height;
            this.width = width;
            this.bytes = bytes;
        }
    }

    public final String name;
    public final Sensor sensor;
    public final View left;
    public final View right;
    /** A JPEG or PNG file, or null. */
    public final byte[] rgb;
    /** Null where nothing was run. */
    public final DeviceRun run;

    public Dpz(String name, Sensor sensor, View left, View right, byte[] rgb, DeviceRun run) throws DpException {
        if (left.height != right.height || left.width != right.width || left.bytes != right.bytes) {
            throw new DpException("the left view is " + left.width + "×" + left.height + " of " + left.bytes + " bytes and the right one "
                + right.width + "×" + right.height + " of " + right.bytes);
        }
        this.name = name;
        this.sensor = sensor;
        this.left = left;
        this.right = right;
        this.rgb = rgb;
        this.run = run;
    }

    /** Linear light of a view, square pixels. @throws DpException for an aspect that repeats no whole rows, or too many pixels */
    public Plane linear(View view) throws DpException {
        if (sensor.pixelAspect != Math.rint(sensor.pixelAspect)) {
            throw new DpException("this app repeats whole rows: a pixel_aspect of " + sensor.pixelAspect + " is for the desktop");
        }
        if (view.counts.length * sensor.pixelAspect > MOST_PIXELS) {
            throw new DpException("views of " + view.width + "×" + view.height + " are larger than this app computes with");
        }
        Plane linear = Radiometry.linear(view.counts, view.height, view.width, sensor.black, sensor.white);
        if (sensor.gamma != 1) {
            for (int i = 0; i < linear.values.length; i++) {
                double share = Math.max((view.counts[i] - sensor.black) / (sensor.white - sensor.black), 0.0);
                linear.values[i] = (float) StrictMath.pow(share, sensor.gamma);
            }
        }
        return Radiometry.squarePixels(linear, (int) sensor.pixelAspect);
    }

    /** The package in a stream, which messages call {@code file}; does not close it. */
    public static Dpz read(InputStream in, String file) throws IOException, DpException {
        return read(BoundedZip.bytes(in, file), file);
    }

    /** @throws DpException with one sentence for whatever is missing, damaged, foreign, too large or not as announced */
    public static Dpz read(byte[] data, String file) throws DpException {
        Map<String, byte[]> members = BoundedZip.read(data, file);
        byte[] header = members.get(HEADER);
        if (header == null) {
            throw new DpException(file + " is a zip archive without " + HEADER + "; it is no capture package");
        }
        if (header.length > LARGEST_HEADER) {
            throw new DpException(file + ": " + HEADER + " has " + header.length + " bytes, at most " + LARGEST_HEADER + " are read");
        }
        try {
            return new DpzReader(members).dpz(Json.fields(new String(header, UTF_8), HEADER));
        } catch (DpException e) {
            throw new DpException(file + ": " + e.getMessage(), e);
        }
    }

    /** Writes the package; does not close {@code out}. */
    public void write(OutputStream out) throws IOException, DpException {
        Map<String, byte[]> content = new LinkedHashMap<String, byte[]>();
        content.put("left.pgm", pgm(left));
        content.put("right.pgm", pgm(right));
        Map<String, Object> header = new LinkedHashMap<String, Object>();
        header.put("format", "dpz");
        header.put("version", VERSION);
        header.put("name", shortened(name));
        header.put("sensor", sensorHeader());
        Map<String, Object> views = new LinkedHashMap<String, Object>();
        views.put("left", object("member", "left.pgm", "encoding", "pgm"));
        views.put("right", object("member", "right.pgm", "encoding", "pgm"));
        header.put("views", views);
        if (rgb != null) {
            String member = rgb.length > 1 && (rgb[0] & 0xFF) == 0xFF ? "rgb.jpg" : "rgb.png";
            content.put(member, rgb);
            header.put("rgb", object("member", member));
        }
        if (run != null) {
            header.put("run", runHeader(content));
        }
        Map<String, Object> listed = new LinkedHashMap<String, Object>();
        for (Map.Entry<String, byte[]> member : content.entrySet()) {
            listed.put(member.getKey(), object("bytes", member.getValue().length, "sha256", Sha256.of(member.getValue())));
        }
        header.put("members", listed);
        Map<String, byte[]> members = new LinkedHashMap<String, byte[]>();
        members.put(HEADER, JsonText.of(header).getBytes(UTF_8));
        members.putAll(content);
        BoundedZip.write(out, members);
    }

    private Map<String, Object> sensorHeader() {
        return object("dp_axis", sensor.dpAxis, "black", sensor.black, "white", sensor.white, "bit_depth", sensor.bitDepth,
            "gamma", sensor.gamma, "pixel_aspect", sensor.pixelAspect, "orientation", sensor.orientation,
            "make", shortened(sensor.make), "model", shortened(sensor.model));
    }

    private Map<String, Object> runHeader(Map<String, byte[]> content) {
        List<Object> outputs = new ArrayList<Object>();
        for (Map.Entry<String, DeviceRun.Output> entry : run.outputs.entrySet()) {
            DeviceRun.Output output = entry.getValue();
            String member = "outputs/" + entry.getKey() + ".bin";
            content.put(member, output.values);
            boolean isReal = Double.isNaN(output.scale);
            outputs.add(object("name", entry.getKey(), "member", member, "dtype", output.dtype,
                "shape", Arrays.<Object>asList(output.tiles, output.height, output.width),
                "scale", isReal ? null : output.scale, "zero_point", isReal ? null : output.zeroPoint));
        }
        return object("model", shortened(run.model), "model_sha256", run.modelSha256, "student", shortened(run.student),
            "app", shortened(run.app), "runtime", shortened(run.runtime), "runtime_version", shortened(run.runtimeVersion),
            "dialect", run.dialect, "delegate", shortened(run.delegate), "inputs_sha256", run.inputsSha256,
            "timings_ms", run.timingsMs, "outputs", outputs);
    }

    /** Names and values in turn. */
    private static Map<String, Object> object(Object... entries) {
        Map<String, Object> object = new LinkedHashMap<String, Object>();
        for (int i = 0; i < entries.length; i += 2) {
            object.put((String) entries[i], entries[i + 1]);
        }
        return object;
    }

    /** Printable and short, as readers want it: names come from pickers and from makers of phones. */
    private static String shortened(String text) {
        String cut = text.length() > LONGEST_TEXT ? text.substring(0, LONGEST_TEXT) : text;
        return cut.replaceAll("[^\\p{L}\\p{M}\\p{N}\\p{P}\\p{S} ]", "?");
    }

    private static byte[] pgm(View view) {
        String start = "P5 " + view.width + " " + view.height + (view.bytes == 1 ? " 255\n" : " 65535\n");
        byte[] header = start.getBytes(UTF_8);
        byte[] data = Arrays.copyOf(header, header.length + view.counts.length * view.bytes);
        int at = header.length;
        for (char count : view.counts) {
            if (view.bytes == 2) {
                data[at++] = (byte) (count >> 8);
            }
            data[at++] = (byte) count;
        }
        return data;
    }
}
