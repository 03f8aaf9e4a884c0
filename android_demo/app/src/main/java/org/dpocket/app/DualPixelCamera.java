package org.dpocket.app;

import android.content.Context;
import android.graphics.SurfaceTexture;
import android.hardware.camera2.CameraAccessException;
import android.hardware.camera2.CameraCaptureSession;
import android.hardware.camera2.CameraCharacteristics;
import android.hardware.camera2.CameraDevice;
import android.hardware.camera2.CameraManager;
import android.hardware.camera2.CaptureRequest;
import android.hardware.camera2.CaptureResult;
import android.hardware.camera2.TotalCaptureResult;
import android.media.Image;
import android.media.ImageReader;
import android.os.Handler;
import android.os.HandlerThread;
import android.view.Surface;
import java.nio.ByteOrder;
import java.text.SimpleDateFormat;
import java.util.Arrays;
import java.util.Date;
import java.util.Locale;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.dpocket.core.DpException;
import org.dpocket.core.Dpz;
import org.dpocket.core.RawPair;
import org.dpocket.core.Workbench;

/**
 * One capture of the hidden dual-pixel stream, without a viewfinder: focus and exposure settle on what the phone is pointed at.
 * Never run on a phone by those who wrote it; the stream itself is known from Google's capture app.
 */
final class DualPixelCamera implements Workbench.Camera {
    private static final long PATIENCE_MS = 5000;
    private static final long SETTLING_MS = 1500;

    private final Context context;
    private final String maker;
    private final String model;

    DualPixelCamera(Context context, String maker, String model) {
        this.context = context;
        this.maker = maker;
        this.model = model;
    }

    @Override
    public String whyNot() {
        return RawPair.whyNot(maker, model);
    }

    @Override
    public Dpz take() throws Exception {
        HandlerThread thread = new HandlerThread("camera");
        thread.start();
        SurfaceTexture texture = new SurfaceTexture(0);
        texture.setDefaultBufferSize(1440, 1080);
        Surface viewfinder = new Surface(texture);
        Shot shot = new Shot(new Handler(thread.getLooper()), viewfinder);
        try {
            return shot.take();
        } catch (CameraAccessException e) {
            throw new DpException("the camera cannot be used now (" + e.getMessage() + "); close other apps that use it", e);
        } catch (IllegalArgumentException e) {
            throw new DpException("this phone refuses the dual-pixel stream (" + e.getMessage() + "); open a .dpz package instead", e);
        } finally {
            shot.close();
            viewfinder.release();
            texture.release();
            thread.quitSafely();
        }
    }

    /** Steps of one capture; the camera's answers arrive on its own thread, and {@link #take} waits for them. */
    private final class Shot {
        private final Handler handler;
        private final Surface viewfinder;
        private final LinkedBlockingQueue<Object> answers = new LinkedBlockingQueue<Object>();
        private final ImageReader reader;
        private CameraDevice device;

        Shot(Handler handler, Surface viewfinder) {
            this.handler = handler;
            this.viewfinder = viewfinder;
            reader = ImageReader.newInstance(RawPair.STREAM_WIDTH, RawPair.STREAM_HEIGHT, RawPair.FORMAT, 1);
        }

        Dpz take() throws Exception {
            CameraManager cameras = (CameraManager) context.getSystemService(Context.CAMERA_SERVICE);
            String rear = rearCamera(cameras);
            Integer orientation = cameras.getCameraCharacteristics(rear).get(CameraCharacteristics.SENSOR_ORIENTATION);
            cameras.openCamera(rear, deviceEvents(), handler);
            device = await(CameraDevice.class, "opening the camera");
            device.createCaptureSession(Arrays.asList(reader.getSurface(), viewfinder), sessionEvents(), handler);
            CameraCaptureSession session = await(CameraCaptureSession.class, "setting the dual-pixel stream up");
            session.setRepeatingRequest(request(CameraDevice.TEMPLATE_PREVIEW, false), null, handler);
            Thread.sleep(SETTLING_MS);
            listenForImages();
            session.capture(request(CameraDevice.TEMPLATE_STILL_CAPTURE, true), captureEvents(), handler);
            Object first = await(Object.class, "the capture");
            Object second = await(Object.class, "the capture");
            Image image = (Image) (first instanceof Image ? first : second);
            TotalCaptureResult result = (TotalCaptureResult) (first instanceof Image ? second : first);
            try {
                Image.Plane plane = image.getPlanes()[0];
                String name = new SimpleDateFormat("yyyyMMdd_HHmmss_SSS", Locale.ROOT).format(new Date());
                return RawPair.capture(plane.getBuffer().order(ByteOrder.nativeOrder()), plane.getRowStride(), black(result),
                    orientation == null ? 0 : orientation, name, maker, model);
            } finally {
                image.close();
            }
        }

        void close() {
            if (device != null) {
                device.close();
            }
            reader.close();
        }

        private CaptureRequest request(int template, boolean withViews) throws CameraAccessException {
            CaptureRequest.Builder builder = device.createCaptureRequest(template);
            builder.addTarget(viewfinder);
            if (withViews) {
                builder.addTarget(reader.getSurface());
            }
            builder.set(CaptureRequest.CONTROL_MODE, CaptureRequest.CONTROL_MODE_AUTO);
            return builder.build();
        }

        private void listenForImages() {
            reader.setOnImageAvailableListener(new ImageReader.OnImageAvailableListener() {
                @Override
                public void onImageAvailable(ImageReader from) {
                    answers.add(from.acquireNextImage());
                }
            }, handler);
        }

        /** The next answer. @throws DpException where it is a complaint, of another kind, or does not come */
        private <T> T await(Class<T> kind, String what) throws InterruptedException, DpException {
            Object answer = answers.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
            if (answer == null || answer instanceof String || !kind.isInstance(answer)) {
                throw new DpException(what + " failed: " + (answer instanceof String ? answer : "the camera does not answer")
                    + "; this phone may have stopped giving its dual pixels");
            }
            return kind.cast(answer);
        }

        private CameraDevice.StateCallback deviceEvents() {
            return new CameraDevice.StateCallback() {
                @Override
                public void onOpened(CameraDevice opened) {
                    answers.add(opened);
                }

                @Override
                public void onDisconnected(CameraDevice lost) {
                    lost.close();
                    answers.add("another app took the camera");
                }

                @Override
                public void onError(CameraDevice failed, int error) {
                    failed.close();
                    answers.add("the camera reports error " + error);
                }
            };
        }

        private CameraCaptureSession.StateCallback sessionEvents() {
            return new CameraCaptureSession.StateCallback() {
                @Override
                public void onConfigured(CameraCaptureSession session) {
                    answers.add(session);
                }

                @Override
                public void onConfigureFailed(CameraCaptureSession session) {
                    answers.add("the phone refuses the stream");
                }
            };
        }

        private CameraCaptureSession.CaptureCallback captureEvents() {
            return new CameraCaptureSession.CaptureCallback() {
                @Override
                public void onCaptureCompleted(CameraCaptureSession session, CaptureRequest request, TotalCaptureResult result) {
                    answers.add(result);
                }
            };
        }
    }

    private static double black(CaptureResult result) {
        float[] levels = result.get(CaptureResult.SENSOR_DYNAMIC_BLACK_LEVEL);
        if (levels == null || levels.length != 4) {
            return RawPair.BLACK;
        }
        // The samples are green ones: the two in the middle of red, green, green, blue.
        return 0.5 * (levels[1] + levels[2]);
    }

    private static String rearCamera(CameraManager cameras) throws CameraAccessException, DpException {
        for (String id : cameras.getCameraIdList()) {
            Integer facing = cameras.getCameraCharacteristics(id).get(CameraCharacteristics.LENS_FACING);
            if (facing != null && facing == CameraCharacteristics.LENS_FACING_BACK) {
                return id;
            }
        }
        throw new DpException("this phone has no camera at its back");
    }
}
