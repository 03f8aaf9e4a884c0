package org.dpocket.core;

import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.util.Map;

/**
 * {@code read X.dpz FOLDER} writes what Java reads as plain little-endian files, {@code copy X.dpz Y.dpz} reads and writes a
 * package. A refusal is printed as "refused: " and its sentence, exit code 3.
 */
public final class DpzTool {
    private DpzTool() {}

    public static void main(String[] arguments) throws IOException {
        File from = new File(arguments[1]);
        try {
            Dpz read = Dpz.read(Files.readAllBytes(from.toPath()), from.getName());
            if (arguments[0].equals("copy")) {
                OutputStream out = new FileOutputStream(arguments[2]);
                read.write(out);
                out.close();
            } else {
                write(read, new File(arguments[2]));
            }
        } catch (DpException e) {
            System.out.println("refused: " + e.getMessage());
            System.exit(3);
        }
    }

    private static void write(Dpz read, File folder) throws IOException, DpException {
        save(folder, "left", counts(read.left));
        save(folder, "right", counts(read.right));
        save(folder, "linear", floats(read.linear(read.left)));
        if (read.rgb != null) {
            save(folder, "rgb", read.rgb);
        }
        Dpz.Sensor s = read.sensor;
        System.out.println(read.name + "|" + s.black + "|" + s.white + "|" + s.bitDepth + "|" + s.dpAxis + "|" + s.gamma + "|"
            + s.pixelAspect + "|" + s.orientation + "|" + s.make + "|" + s.model);
        if (read.run != null) {
            for (Map.Entry<String, DeviceRun.Output> output : read.run.outputs.entrySet()) {
                save(folder, output.getKey(), output.getValue().values);
            }
        }
    }

    private static void save(File folder, String name, byte[] data) throws IOException {
        Files.write(new File(folder, name + ".bin").toPath(), data);
    }

    private static byte[] counts(Dpz.View view) {
        byte[] data = new byte[2 * view.counts.length];
        for (int i = 0; i < view.counts.length; i++) {
            data[2 * i] = (byte) view.counts[i];
            data[2 * i + 1] = (byte) (view.counts[i] >> 8);
        }
        return data;
    }

    private static byte[] floats(Plane plane) {
        java.nio.ByteBuffer data = java.nio.ByteBuffer.allocate(4 * plane.values.length).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        data.asFloatBuffer().put(plane.values);
        return data.array();
    }
}
