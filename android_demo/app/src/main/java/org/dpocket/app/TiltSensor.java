package org.dpocket.app;

import android.hardware.Sensor;
import android.hardware.SensorEvent;
import android.hardware.SensorEventListener;
import android.hardware.SensorManager;
import android.view.Display;
import org.dpocket.core.Gallery;
import org.dpocket.core.Tilt;

/** Moves a gallery's viewpoint as the phone is tilted; a phone without an accelerometer has dragging only. */
final class TiltSensor implements SensorEventListener {
    private final SensorManager sensors;
    private final Display display;
    private final Gallery gallery;
    private final StageView stage;
    private final Tilt tilt = new Tilt();

    TiltSensor(SensorManager sensors, Display display, Gallery gallery, StageView stage) {
        this.sensors = sensors;
        this.display = display;
        this.gallery = gallery;
        this.stage = stage;
    }

    void start() {
        Sensor sensor = sensors == null ? null : sensors.getDefaultSensor(Sensor.TYPE_ACCELEROMETER);
        tilt.reset();
        if (sensor != null) {
            sensors.registerListener(this, sensor, SensorManager.SENSOR_DELAY_GAME);
        }
    }

    void stop() {
        if (sensors != null) {
            sensors.unregisterListener(this);
        }
    }

    @Override
    public void onSensorChanged(SensorEvent event) {
        tilt.hold(event.values[0], event.values[1], display.getRotation());
        if (!stage.isTouched()) {
            gallery.tilt(tilt.across(), tilt.down());
        }
    }

    @Override
    public void onAccuracyChanged(Sensor sensor, int accuracy) {}
}
