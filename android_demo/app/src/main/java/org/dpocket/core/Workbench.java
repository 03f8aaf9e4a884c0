package org.dpocket.core;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.dpocket.engine.Engine;

/** The {@link Device} of the app: its assets, its runtimes and its camera, joined without a line of Android. */
public final class Workbench implements Device {
    static final String CONTRACT = "contract.json";
    static final String PAIR = "pair.json";
    static final String PAIR_DATA = "pair.bin";
    private static final Charset UTF_8 = Charset.forName("UTF-8");

    /** Live capture, where the phone hands out its dual pixels. */
    public interface Camera {
        /** Why there is none here, in words; null where there is. */
        String whyNot();

        /** The views as the sensor gave them. */
        Dpz take() throws Exception;
    }

    private final Backend.Assets assets;
    private final File folder;
    private final List<Backend> runtimes;
    private final Camera camera;
    private final String version;
    private Backend runtime;
    private Contract contract;
    private String modelSha256;
    private RunRecorder recorder;

    /** {@code folder}: the app's own, where models lie as files; {@code version}: of the app, for packages. */
    public Workbench(Backend.Assets assets, File folder, List<Backend> runtimes, Camera camera, String version) {
        this.assets = assets;
        this.folder = folder;
        this.runtimes = new ArrayList<Backend>(runtimes);
        this.camera = camera;
        this.version = version;
    }

    @Override
    public List<String> runtimes() {
        List<String> labels = new ArrayList<String>();
        for (Backend each : runtimes) {
            labels.add(each.label);
        }
        return labels;
    }

    @Override
    public Opened open(String label) throws Exception {
        close();
        Backend wanted = runtimes.get(runtimes().indexOf(label));
        Contract read = Contract.parse(new String(asset(CONTRACT), UTF_8));
        byte[] model = asset(wanted.model);
        // A damaged model may end the process in native code, where nothing can be said any more.
        ModelManifest.parse(new String(asset(wanted.model + ".json"), UTF_8)).check(ByteBuffer.wrap(model));
        File file = new File(folder, wanted.model);
        FileOutputStream out = new FileOutputStream(file);
        try {
            out.write(model);
        } finally {
            out.close();
        }
        Engine engine = wanted.open(file, read);
        SelfTest.Result tested;
        try {
            tested = SelfTest.run(engine, read, Vectors.read(new String(asset(PAIR), UTF_8), asset(PAIR_DATA)));
        } catch (DpException e) {
            engine.close();
            throw e;
        }
        runtime = wanted;
        contract = read;
        modelSha256 = Sha256.of(model);
        recorder = new RunRecorder(engine, read);
        float within = read.hasConfidence() ? (float) read.output(Contract.CONFIDENCE).withinPx : Float.NaN;
        return new Opened(engine.runtime(), tested.agrees, tested.sentence, read.workingWidth, within);
    }

    /** Frees the runtime that is open. */
    public void close() {
        if (recorder != null) {
            recorder.close();
            recorder = null;
        }
    }

    @Override
    public Views load(List<Source> files) throws Exception {
        return views(PairFiles.read(files));
    }

    @Override
    public String whyNoCapture() {
        return camera.whyNot();
    }

    @Override
    public Views capture() throws Exception {
        return views(camera.take());
    }

    /** A vertical dual-pixel axis is laid down by a turn counter-clockwise, which keeps views and sign as they are. */
    private static Views views(Dpz capture) throws DpException {
        int laid = capture.sensor.dpAxis.equals("vertical") ? 3 : 0;
        Plane left = Turn.clockwise(capture.linear(capture.left), laid);
        Plane right = Turn.clockwise(capture.linear(capture.right), laid);
        return new Views(capture.name, left, right, capture.sensor.orientation / 90 + 4 - laid, capture);
    }

    @Override
    public Found run(Views views, Timing timing) throws Exception {
        if (recorder == null) {
            throw new DpException("no runtime is open; choose one");
        }
        recorder.restart();
        Student.Prediction found = new Student(recorder, contract).predict(views.left, views.right, timing);
        Map<String, Double> stages = new LinkedHashMap<String, Double>();
        for (String stage : timing.stages()) {
            stages.put(stage, timing.milliseconds(stage));
        }
        DeviceRun run = recorder.recorded(runtime.model, modelSha256, version, runtime.name, release(recorder.runtime()), runtime.dialect,
            recorder.runtime(),
            stages);
        return new Found(found.disparity, found.confidence, run);
    }

    @Override
    public void export(Views views, Found found, OutputStream out) throws Exception {
        Dpz capture = (Dpz) views.origin;
        new Dpz(capture.name, capture.sensor, capture.left, capture.right, capture.rgb, (DeviceRun) found.origin).write(out);
    }

    /** The version number in a runtime's words; empty where there is none. */
    private static String release(String words) {
        Matcher matcher = Pattern.compile("\\d+(\\.\\d+)+\\S*?(?=[,;\\s]|$)").matcher(words);
        return matcher.find() ? matcher.group() : "";
    }

    private byte[] asset(String name) throws IOException, DpException {
        InputStream in;
        try {
            in = assets.open(name);
        } catch (IOException e) {
            throw new DpException("this build has no " + name + " among its assets; build the app anew", e);
        }
        try {
            ByteArrayOutputStream whole = new ByteArrayOutputStream();
            byte[] part = new byte[1 << 16];
            for (int read = in.read(part); read >= 0; read = in.read(part)) {
                whole.write(part, 0, read);
            }
            return whole.toByteArray();
        } finally {
            in.close();
        }
    }
}
