package org.dpocket.core;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** From the members of a package to what they mean. */
final class DpzReader {
    private static final int VERSION = 1;
    private static final int LONGEST_TEXT = 300;
    private static final int MOST_CELLS = 1 << 20;

    private final Map<String, byte[]> members;

    DpzReader(Map<String, byte[]> members) {
        this.members = members;
    }

    Dpz dpz(Fields header) throws DpException {
        if (!header.text("format").equals("dpz")) {
            throw new DpException("the format is '" + header.text("format") + "', not 'dpz'");
        }
        int version = header.integer("version");
        if (version != VERSION) {
            throw new DpException("the package has version " + version + "; this app reads version " + VERSION);
        }
        check(header.object("members"));
        Fields views = header.object("views");
        byte[] rgb = header.has("rgb") ? member(header.object("rgb")) : null;
        DeviceRun run = header.has("run") ? run(header.object("run")) : null;
        return new Dpz(text(header, "name"), sensor(header.object("sensor")), view(views.object("left")),
            view(views.object("right")), rgb, run);
    }

    /** Every member is listed, and is what was written. */
    private void check(Fields listed) throws DpException {
        for (String name : members.keySet()) {
            if (!name.equals(Dpz.HEADER) && !listed.has(name)) {
                throw new DpException("there is a member '" + name + "' that " + Dpz.HEADER + " does not know");
            }
        }
        for (Object named : listed.names()) {
            String name = (String) named;
            byte[] found = members.get(name);
            if (found == null) {
                throw new DpException("there is no member '" + name + "', which " + Dpz.HEADER + " lists; copy the file again");
            }
            Fields told = listed.object(name);
            if (told.number("bytes") != found.length) {
                throw new DpException("'" + name + "' has " + found.length + " bytes, " + Dpz.HEADER + " announces another number");
            }
            if (!told.text("sha256").equals(Sha256.of(found))) {
                throw new DpException("'" + name + "' is not what was written (its SHA-256 is another); copy the file again");
            }
        }
    }

    private byte[] member(Fields told) throws DpException {
        String name = told.text("member");
        byte[] found = members.get(name);
        if (found == null || name.equals(Dpz.HEADER)) {
            throw new DpException("there is no member '" + name + "', which " + Dpz.HEADER + " refers to");
        }
        return found;
    }

    private static Dpz.Sensor sensor(Fields told) throws DpException {
        return new Dpz.Sensor(told.number("black"), told.number("white"), told.integer("bit_depth"), told.text("dp_axis"),
            told.number("gamma"), told.number("pixel_aspect"), told.integer("orientation"), text(told, "make"),
            text(told, "model"));
    }

    private Dpz.View view(Fields told) throws DpException {
        byte[] data = member(told);
        String encoding = told.text("encoding");
        if (encoding.equals("pgm")) {
            PgmReader.Pgm pgm = PgmReader.read(data, told.text("member"));
            return new Dpz.View(pgm.samples, pgm.height, pgm.width, pgm.maxval < 256 ? 1 : 2);
        }
        if (!encoding.equals("raw")) {
            throw new DpException("a view is encoded as '" + encoding + "'; pgm and raw are known");
        }
        return raw(told, data);
    }

    private static Dpz.View raw(Fields told, byte[] data) throws DpException {
        String dtype = told.text("dtype");
        int bytes = dtype.equals("uint8") ? 1 : 2;
        if (bytes == 2 && !dtype.equals("uint16")) {
            throw new DpException("a raw view is " + dtype + "; uint8 and uint16 are known");
        }
        int height = side(told, "height");
        int width = side(told, "width");
        if (data.length != (long) height * width * bytes) {
            throw new DpException("'" + told.text("member") + "' has " + data.length + " bytes; " + width + "×" + height
                + " values of " + dtype + " are " + (long) height * width * bytes);
        }
        char[] counts = new char[height * width];
        for (int i = 0; i < counts.length; i++) {
            int low = data[i * bytes] & 0xFF;
            counts[i] = (char) (bytes == 1 ? low : low | (data[2 * i + 1] & 0xFF) << 8);
        }
        return new Dpz.View(counts, height, width, bytes);
    }

    private static int side(Fields told, String name) throws DpException {
        int side = told.integer(name);
        if (side < 1 || side > PgmReader.LONGEST_SIDE) {
            throw new DpException("a view has a " + name + " of " + side + "; it is 1 to " + PgmReader.LONGEST_SIDE);
        }
        return side;
    }

    private DeviceRun run(Fields told) throws DpException {
        Map<String, DeviceRun.Output> outputs = new LinkedHashMap<String, DeviceRun.Output>();
        List<Fields> listed = told.objects("outputs");
        for (Fields output : listed) {
            outputs.put(text(output, "name"), output(output));
        }
        Map<String, Double> timings = new LinkedHashMap<String, Double>();
        Fields times = told.object("timings_ms");
        for (Object stage : times.names()) {
            timings.put((String) stage, times.number((String) stage));
        }
        return new DeviceRun(text(told, "model"), sha256(told, "model_sha256"), text(told, "student"), text(told, "app"),
            text(told, "runtime"), text(told, "runtime_version"), text(told, "dialect"), text(told, "delegate"),
            sha256(told, "inputs_sha256"), outputs, timings);
    }

    private DeviceRun.Output output(Fields told) throws DpException {
        int[] shape = told.integers("shape");
        if (shape.length != 3 || shape[0] > MOST_CELLS || shape[1] > MOST_CELLS || shape[2] > MOST_CELLS) {
            throw new DpException("the shape of an output is (tiles, height, width)");
        }
        double scale = told.has("scale") ? told.number("scale") : Double.NaN;
        int zeroPoint = told.has("zero_point") ? told.integer("zero_point") : 0;
        if (told.has("scale") != told.has("zero_point") || zeroPoint < -128 || zeroPoint > 255) {
            throw new DpException("an output has a scale and a zero point of -128 to 255, or neither");
        }
        return new DeviceRun.Output(told.text("dtype"), shape[0], shape[1], shape[2], scale, zeroPoint, member(told));
    }

    private static String text(Fields told, String name) throws DpException {
        String text = told.text(name);
        boolean isPrintable = text.length() <= LONGEST_TEXT;
        for (int i = 0; i < text.length(); i++) {
            isPrintable &= !Character.isISOControl(text.charAt(i));
        }
        if (!isPrintable) {
            throw new DpException("'" + name + "' is no short text");
        }
        return text;
    }

    private static String sha256(Fields told, String name) throws DpException {
        if (!told.text(name).matches("[0-9a-f]{64}")) {
            throw new DpException("'" + name + "' is not a SHA-256 of 64 small hexadecimal digits");
        }
        return told.text(name);
    }
}
