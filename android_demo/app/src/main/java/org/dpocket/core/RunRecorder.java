package org.dpocket.core;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import org.dpocket.engine.Engine;

/** An engine that keeps what another one gives, tile by tile, for a capture package. */
public final class RunRecorder implements Engine {
    private final Engine engine;
    private final Contract contract;
    private final Map<String, ByteArrayOutputStream> kept = new LinkedHashMap<String, ByteArrayOutputStream>();
    private Sha256 inputsHash = new Sha256();
    private int tiles;
    private long nanoseconds;

    public RunRecorder(Engine engine, Contract contract) {
        this.engine = engine;
        this.contract = contract;
        restart();
    }

    /** Forgets what was recorded: another capture follows. */
    public void restart() {
        for (TensorSpec spec : contract.outputs) {
            kept.put(spec.name, new ByteArrayOutputStream());
        }
        inputsHash = new Sha256();
        tiles = 0;
        nanoseconds = 0;
    }

    @Override
    public String runtime() {
        return engine.runtime();
    }

    @Override
    public void run(Map<String, ByteBuffer> inputs, Map<String, ByteBuffer> outputs) throws DpException {
        for (TensorSpec spec : contract.inputs) {
            ByteBuffer given = inputs.get(spec.name).duplicate();
            given.clear();
            inputsHash.add(given);
        }
        long start = System.nanoTime();
        engine.run(inputs, outputs);
        nanoseconds += System.nanoTime() - start;
        tiles++;
        for (TensorSpec spec : contract.outputs) {
            byte[] found = bytes(outputs.get(spec.name));
            kept.get(spec.name).write(found, 0, found.length);
        }
    }

    @Override
    public void close() {
        engine.close();
    }

    /**
     * What was recorded since the last restart. {@code timingsMs} are other stages than "run", which is measured here.
     *
     * @throws DpException where nothing was run
     */
    public DeviceRun recorded(String model, String modelSha256, String app, String runtime, String runtimeVersion,
        String dialect, String delegate, Map<String, Double> timingsMs) throws DpException {
        if (tiles == 0) {
            throw new DpException("nothing was run that could be exported; run the student on a capture first");
        }
        Map<String, DeviceRun.Output> outputs = new LinkedHashMap<String, DeviceRun.Output>();
        for (TensorSpec spec : contract.outputs) {
            double scale = spec.scale > 0 ? spec.scale : Double.NaN;
            outputs.put(spec.name, new DeviceRun.Output(spec.dtype, tiles, spec.height(), spec.width(), scale,
                spec.zeroPoint, kept.get(spec.name).toByteArray()));
        }
        Map<String, Double> timings = new LinkedHashMap<String, Double>(timingsMs);
        timings.put("run", nanoseconds / 1e6 / tiles);
        String inputsSha256 = inputsHash.hex();
        // The hash starts anew when it is read: a second export needs another run.
        restart();
        return new DeviceRun(model, modelSha256, contract.student, app, runtime, runtimeVersion, dialect, delegate,
            inputsSha256, outputs, timings);
    }

    private static byte[] bytes(ByteBuffer buffer) {
        ByteBuffer whole = buffer.duplicate();
        whole.clear();
        byte[] copied = new byte[whole.remaining()];
        whole.get(copied);
        return copied;
    }
}
