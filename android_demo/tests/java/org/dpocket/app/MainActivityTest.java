package org.dpocket.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertSame;
import static org.junit.Assert.assertTrue;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import android.content.ActivityNotFoundException;
import android.content.ClipData;
import android.content.ContentResolver;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.content.res.Resources;
import android.net.Uri;
import android.util.DisplayMetrics;
import android.view.Display;
import android.view.WindowManager;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Executor;
import org.dpocket.core.Device;
import org.dpocket.core.Labels;
import org.dpocket.core.Plane;
import org.dpocket.core.Session;
import org.dpocket.core.Timing;
import org.junit.Before;
import org.junit.Test;

/** The activity's own logic, with Android replaced by jars of defaults, mocks and the probe below. */
public class MainActivityTest {
    private static final int OPEN = 1;
    private static final int EXPORT = 2;
    private static final int CAMERA = 3;

    private static final Executor NOW = new Executor() {
        @Override
        public void execute(Runnable task) {
            task.run();
        }
    };

    /** A device that remembers what it was asked for. */
    private static final class FakeDevice implements Device {
        final List<String> loaded = new ArrayList<String>();
        int opened;
        int captured;
        String noCapture;

        @Override
        public List<String> runtimes() {
            return Collections.singletonList("LiteRT");
        }

        @Override
        public Opened open(String runtime) {
            opened++;
            return new Opened(runtime, true, "agrees", 768, Float.NaN);
        }

        @Override
        public Views load(List<Source> files) throws Exception {
            for (Source file : files) {
                InputStream in = file.open();
                loaded.add(file.name() + " " + in.read());
                in.close();
            }
            return views();
        }

        private static Views views() {
            Plane plane = new Plane(new float[24], 4, 6);
            return new Views("garden, 2", plane, plane, 0, null);
        }

        @Override
        public Found run(Views views, Timing timing) {
            return new Found(new Plane(new float[24], 4, 6), null, null);
        }

        @Override
        public void export(Views views, Found found, OutputStream out) throws Exception {
            out.write(7);
        }

        @Override
        public String whyNoCapture() {
            return noCapture;
        }

        @Override
        public Views capture() {
            captured++;
            return views();
        }
    }

    /** An activity that answers for Android and remembers what it asks of it. */
    private static final class Probe extends MainActivity {
        final List<Integer> requests = new ArrayList<Integer>();
        final List<String> permissions = new ArrayList<String>();
        final ContentResolver resolver = mock(ContentResolver.class);
        private final Resources resources = mock(Resources.class);
        private final WindowManager windows = mock(WindowManager.class);
        private final Object last;
        boolean isAllowed;
        boolean isTurning;
        boolean hasPicker = true;

        Probe(Object last) {
            this.last = last;
            DisplayMetrics metrics = new DisplayMetrics();
            metrics.density = 2;
            when(resources.getDisplayMetrics()).thenReturn(metrics);
            when(windows.getDefaultDisplay()).thenReturn(mock(Display.class));
        }

        @Override
        public Object getLastNonConfigurationInstance() {
            return last;
        }

        @Override
        public Resources getResources() {
            return resources;
        }

        @Override
        public WindowManager getWindowManager() {
            return windows;
        }

        @Override
        public ContentResolver getContentResolver() {
            return resolver;
        }

        @Override
        public int checkSelfPermission(String permission) {
            return isAllowed ? PackageManager.PERMISSION_GRANTED : PackageManager.PERMISSION_DENIED;
        }

        @Override
        public void requestPermissions(String[] asked, int request) {
            Collections.addAll(permissions, asked);
            requests.add(request);
        }

        @Override
        public void startActivityForResult(Intent intent, int request) {
            if (!hasPicker) {
                throw new ActivityNotFoundException();
            }
            requests.add(request);
        }

        @Override
        public boolean isChangingConfigurations() {
            return isTurning;
        }
    }

    private final FakeDevice device = new FakeDevice();
    private final Session session = new Session(device, NOW, NOW);
    private final int[] ended = new int[1];
    private final Kept kept = new Kept(session, new Runnable() {
        @Override
        public void run() {
            ended[0]++;
        }
    });
    private final Probe activity = new Probe(kept);

    @Before
    public void create() {
        session.start();
        activity.onCreate(null);
    }

    private Labels.Button button(Session.Action action) {
        for (Labels.Button button : Labels.actions(session)) {
            if (button.action == action) {
                return button;
            }
        }
        throw new AssertionError(action);
    }

    private Uri document(int content) throws FileNotFoundException {
        Uri uri = mock(Uri.class);
        when(uri.getLastPathSegment()).thenReturn("document" + content);
        when(activity.resolver.openInputStream(uri)).thenReturn(new ByteArrayInputStream(new byte[] {(byte) content}));
        return uri;
    }

    private static Intent answer(Uri... uris) {
        Intent answer = mock(Intent.class);
        if (uris.length == 1) {
            when(answer.getData()).thenReturn(uris[0]);
            return answer;
        }
        ClipData several = mock(ClipData.class);
        when(several.getItemCount()).thenReturn(uris.length);
        for (int i = 0; i < uris.length; i++) {
            ClipData.Item item = mock(ClipData.Item.class);
            when(item.getUri()).thenReturn(uris[i]);
            when(several.getItemAt(i)).thenReturn(item);
        }
        when(answer.getClipData()).thenReturn(several);
        return answer;
    }

    private void show() throws FileNotFoundException {
        activity.onActivityResult(OPEN, MainActivity.RESULT_OK, answer(document(1)));
        assertEquals(Session.State.SHOWN, session.state());
    }

    @Test
    public void anActivityAfterATurnGoesOnWithTheSessionAndOpensNoModelAgain() {
        assertSame(kept, activity.onRetainNonConfigurationInstance());
        assertEquals(1, device.opened);
    }

    @Test
    public void turningKeepsTheSessionAndLeavingEndsIt() {
        activity.isTurning = true;
        activity.onDestroy();
        assertEquals(0, ended[0]);
        activity.isTurning = false;
        activity.onDestroy();
        assertEquals(1, ended[0]);
    }

    @Test
    public void openAsksThePickerAndLoadsBothPickedFiles() throws Exception {
        activity.pressed(button(Session.Action.OPEN));
        assertEquals(Collections.singletonList(OPEN), activity.requests);
        activity.onActivityResult(OPEN, MainActivity.RESULT_OK, answer(document(5), document(6)));
        assertEquals("[document5 5, document6 6]", device.loaded.toString());
        assertEquals(Session.State.SHOWN, session.state());
    }

    @Test
    public void aPickerThatWasLeftChangesNothing() throws Exception {
        activity.onActivityResult(OPEN, MainActivity.RESULT_CANCELED, null);
        activity.onActivityResult(OPEN, MainActivity.RESULT_OK, null);
        assertEquals(Session.State.IDLE, session.state());
        assertTrue(device.loaded.isEmpty());
    }

    @Test
    public void aFileThatCannotBeOpenedIsToldInWords() throws Exception {
        Uri gone = mock(Uri.class);
        when(gone.getLastPathSegment()).thenReturn("gone.dpz");
        activity.onActivityResult(OPEN, MainActivity.RESULT_OK, answer(gone));
        assertEquals(Session.State.FAILED, session.state());
        assertEquals("The file is not there any more: gone.dpz. Pick it again.", session.message());
    }

    @Test
    public void aPhoneWithoutAPickerSaysSo() {
        activity.hasPicker = false;
        activity.pressed(button(Session.Action.OPEN));
        assertTrue(session.message(), session.message().contains("no app that picks files"));
    }

    @Test
    public void captureAsksForTheCameraOnceAndThenTakesThePicture() {
        activity.pressed(button(Session.Action.CAPTURE));
        assertEquals(Collections.singletonList("android.permission.CAMERA"), activity.permissions);
        assertEquals(0, device.captured);
        activity.onRequestPermissionsResult(CAMERA, new String[1], new int[] {PackageManager.PERMISSION_GRANTED});
        assertEquals(1, device.captured);
        activity.isAllowed = true;
        activity.pressed(button(Session.Action.CAPTURE));
        assertEquals(2, device.captured);
        assertEquals("asked once", 1, activity.requests.size());
    }

    @Test
    public void aRefusedCameraIsToldInWords() {
        activity.onRequestPermissionsResult(CAMERA, new String[1], new int[] {PackageManager.PERMISSION_DENIED});
        assertTrue(session.message(), session.message().contains("files can still be opened"));
        activity.onRequestPermissionsResult(CAMERA, new String[0], new int[0]);
        assertEquals(0, device.captured);
    }

    @Test
    public void aPhoneWithoutTheStreamSaysWhyAndAsksForNoPermission() {
        device.noCapture = "only Pixel 3 and 4";
        activity.pressed(button(Session.Action.CAPTURE));
        assertEquals("only Pixel 3 and 4", session.message());
        assertTrue(activity.permissions.isEmpty());
    }

    @Test
    public void exportWritesThePackageWhereThePickerSays() throws Exception {
        show();
        activity.pressed(button(Session.Action.EXPORT));
        assertEquals(Collections.singletonList(EXPORT), activity.requests);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Uri uri = document(9);
        when(activity.resolver.openOutputStream(uri)).thenReturn(out);
        activity.onActivityResult(EXPORT, MainActivity.RESULT_OK, answer(uri));
        assertEquals(7, out.toByteArray()[0]);
        assertTrue(session.message(), session.message().startsWith("document9 is written"));
        assertEquals("garden_2.dpz", session.exportName());
    }

    @Test
    public void anExportThatCannotBeginIsToldInWordsAndKeepsTheCapture() throws Exception {
        show();
        Uri uri = document(9);
        when(activity.resolver.openOutputStream(uri)).thenThrow(new SecurityException("revoked"));
        activity.onActivityResult(EXPORT, MainActivity.RESULT_OK, answer(uri));
        assertTrue(session.message(), session.message().contains("revoked"));
        assertEquals(Session.State.SHOWN, session.state());
    }

    @Test
    public void aNameThatAProviderBreaksOnFallsBackToTheAddress() throws Exception {
        Uri uri = document(3);
        when(activity.resolver.query(uri, new String[] {"_display_name"}, null, null, null)).thenThrow(new IllegalStateException());
        assertEquals("document3", PickedFile.nameOf(activity.resolver, uri));
    }

    @Test
    public void modesAreChosenInTheGallery() throws Exception {
        show();
        for (Labels.Button mode : Labels.modes(session)) {
            activity.pressed(mode);
            assertEquals(mode.works ? mode.mode : session.gallery().mode(), session.gallery().mode());
        }
        assertFalse(session.gallery().has(org.dpocket.core.Gallery.Mode.CONFIDENCE));
    }

    @Test
    public void pausingAndResumingWithoutSensorsIsHarmless() {
        assertNull(activity.getSystemService(MainActivity.SENSOR_SERVICE));
        activity.onResume();
        activity.onPause();
    }
}
