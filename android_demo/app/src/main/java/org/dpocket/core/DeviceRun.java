package org.dpocket.core;

import java.util.LinkedHashMap;
import java.util.Map;

/** What this device computed from a capture, exactly as the runtime gave it; see docs/DPZ.md. */
public final class DeviceRun {
    /** One output of every tile, little-endian. */
    public static final class Output {
        public final String dtype;
        public final int tiles;
        public final int height;
        public final int width;
        /** NaN for real outputs. */
        public final double scale;
        public final int zeroPoint;
        public final byte[] values;

        public Output(String dtype, int tiles, int height, int width, double scale, int zeroPoint, byte[] values)
            throws DpException {
            long promised = (long) tiles * height * width * bytesOf(dtype);
            if (tiles < 1 || height < 1 || width < 1 || values.length != promised) {
                throw new DpException("an output of " + tiles + " tiles of " + width + "×" + height + " " + dtype + " values is "
                    + promised + " bytes, and " + values.length + " were found");
            }
            if (scale <= 0) {
                throw new DpException("an output has a scale of " + scale);
            }
            this.dtype = dtype;
            this.tiles = tiles;
            this.height = height;
            this.width = width;
            this.scale = scale;
            this.zeroPoint = zeroPoint;
            this.values = values;
        }

        static int bytesOf(String dtype) throws DpException {
            if (dtype.equals("int8") || dtype.equals("uint8")) {
                return 1;
            }
            if (dtype.equals("float16")) {
                return 2;
            }
            if (dtype.equals("float32")) {
                return 4;
            }
            throw new DpException("an output is " + dtype + "; int8, uint8, float16 and float32 are known");
        }
    }

    /** File name of the model and the SHA-256 of its bytes. */
    public final String model;
    public final String modelSha256;
    public final String student;
    /** Version of the app. */
    public final String app;
    public final String runtime;
    public final String runtimeVersion;
    /** The arithmetic as in docs/DIALECTS.md; empty where the app does not know it. */
    public final String dialect;
    public final String delegate;
    /** Of what the network was given, as docs/DPZ.md says. */
    public final String inputsSha256;
    public final Map<String, Output> outputs;
    /** By stage; "run" is the network on one tile. */
    public final Map<String, Double> timingsMs;

    public DeviceRun(String model, String modelSha256, String student, String app, String runtime, String runtimeVersion,
        String dialect, String delegate, String inputsSha256, Map<String, Output> outputs, Map<String, Double> timingsMs)
        throws DpException {
        this.model = model;
        this.modelSha256 = modelSha256;
        this.student = student;
        this.app = app;
        this.runtime = runtime;
        this.runtimeVersion = runtimeVersion;
        this.dialect = dialect;
        this.delegate = delegate;
        this.inputsSha256 = inputsSha256;
        this.outputs = new LinkedHashMap<String, Output>(outputs);
        this.timingsMs = new LinkedHashMap<String, Double>(timingsMs);
        int tiles = -1;
        for (Output output : outputs.values()) {
            if (tiles >= 0 && output.tiles != tiles) {
                throw new DpException("a run has outputs of " + tiles + " and of " + output.tiles + " tiles");
            }
            tiles = output.tiles;
        }
        if (tiles < 0) {
            throw new DpException("a run has no outputs");
        }
    }
}
