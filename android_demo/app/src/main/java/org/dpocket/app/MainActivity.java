package org.dpocket.app;

import android.Manifest;
import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.hardware.SensorManager;
import android.net.Uri;
import android.os.Bundle;
import java.io.FileNotFoundException;
import java.io.OutputStream;
import org.dpocket.core.Labels;
import org.dpocket.core.Session;
import org.dpocket.core.Words;

/** The screen of a {@link Session}: asks Android for files, the camera and tilt, and shows what the session says. */
public class MainActivity extends Activity implements Session.Screen, ScreenLayout.Listener {
    private static final int OPEN = 1;
    private static final int EXPORT = 2;
    private static final int CAMERA = 3;
    private static final String ANY = "*/*";
    private static final String PACKAGE = "application/octet-stream";

    private Kept kept;
    private ScreenLayout layout;
    private TiltSensor tilt;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        boolean isNew = getLastNonConfigurationInstance() == null;
        kept = isNew ? Kept.on(this) : (Kept) getLastNonConfigurationInstance();
        layout = new ScreenLayout(this, this);
        setContentView(layout.root());
        tilt = new TiltSensor((SensorManager) getSystemService(SENSOR_SERVICE), getWindowManager().getDefaultDisplay(),
            kept.session.gallery(), layout.stage());
        kept.session.attach(this);
        if (isNew) {
            kept.session.start();
        }
    }

    @Override
    public Object onRetainNonConfigurationInstance() {
        return kept;
    }

    @Override
    protected void onResume() {
        super.onResume();
        tilt.start();
    }

    @Override
    protected void onPause() {
        tilt.stop();
        super.onPause();
    }

    @Override
    protected void onDestroy() {
        kept.session.attach(null);
        if (!isChangingConfigurations()) {
            kept.end();
        }
        super.onDestroy();
    }

    @Override
    public void changed(Session session) {
        layout.show(session);
    }

    @Override
    public void pressed(Labels.Button button) {
        if (button.mode != null) {
            kept.session.gallery().choose(button.mode);
            layout.show(kept.session);
            return;
        }
        switch (button.action) {
            case OPEN:
                Intent open = document(Intent.ACTION_OPEN_DOCUMENT, ANY);
                open.putExtra(Intent.EXTRA_ALLOW_MULTIPLE, true);
                ask(open, OPEN);
                break;
            case EXPORT:
                Intent create = document(Intent.ACTION_CREATE_DOCUMENT, PACKAGE);
                create.putExtra(Intent.EXTRA_TITLE, kept.session.exportName());
                ask(create, EXPORT);
                break;
            case CAPTURE:
                capture();
                break;
            default:
                kept.session.nextRuntime();
        }
    }

    private static Intent document(String action, String type) {
        Intent intent = new Intent(action);
        intent.addCategory(Intent.CATEGORY_OPENABLE);
        intent.setType(type);
        return intent;
    }

    private void ask(Intent intent, int request) {
        try {
            startActivityForResult(intent, request);
        } catch (ActivityNotFoundException e) {
            kept.session.say("This phone has no app that picks files; install one that does.");
        }
    }

    private void capture() {
        boolean isAllowed = checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED;
        if (isAllowed || kept.session.whyNoCapture() != null) {
            kept.session.capture();
        } else {
            requestPermissions(new String[] {Manifest.permission.CAMERA}, CAMERA);
        }
    }

    @Override
    public void onRequestPermissionsResult(int request, String[] permissions, int[] answers) {
        if (request != CAMERA) {
            return;
        }
        if (answers.length == 1 && answers[0] == PackageManager.PERMISSION_GRANTED) {
            kept.session.capture();
        } else {
            kept.session.say("Without the camera's permission there is no live capture; files can still be opened.");
        }
    }

    @Override
    protected void onActivityResult(int request, int result, Intent answer) {
        if (result != RESULT_OK || answer == null) {
            return;
        }
        if (request == OPEN) {
            kept.session.open(PickedFile.in(answer, getContentResolver()));
        } else if (request == EXPORT && answer.getData() != null) {
            export(answer.getData());
        }
    }

    private void export(Uri uri) {
        try {
            OutputStream out = getContentResolver().openOutputStream(uri);
            if (out == null) {
                throw new FileNotFoundException(uri.toString());
            }
            kept.session.export(out, PickedFile.nameOf(getContentResolver(), uri));
        } catch (FileNotFoundException e) {
            kept.session.say(Words.of(e));
        } catch (RuntimeException e) {
            kept.session.say(Words.of(e));
        }
    }
}
