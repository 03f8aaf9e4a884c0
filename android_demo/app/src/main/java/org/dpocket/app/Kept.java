package org.dpocket.app;

import android.content.Context;
import android.content.pm.PackageManager;
import android.os.Build;
import android.os.Handler;
import android.os.Looper;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.dpocket.core.Backend;
import org.dpocket.core.Session;
import org.dpocket.core.Workbench;

/** What outlives an activity that is made anew: the session, and how to end it. Holds no activity. */
final class Kept {
    final Session session;
    private final Runnable end;

    /** {@code end} runs once, when the app is left for good. */
    Kept(Session session, Runnable end) {
        this.session = session;
        this.end = end;
    }

    /** A session on this phone: its assets, runtimes and camera, one worker, and the main thread for results. */
    static Kept on(Context activity) {
        final Context context = activity.getApplicationContext();
        final Handler handler = new Handler(Looper.getMainLooper());
        final ExecutorService work = Executors.newSingleThreadExecutor();
        final Workbench workbench = new Workbench(new Backend.Assets() {
            @Override
            public InputStream open(String name) throws IOException {
                return context.getAssets().open(name);
            }
        }, context.getFilesDir(), Backends.all(), new DualPixelCamera(context, Build.MANUFACTURER, Build.MODEL), version(context));
        Executor ui = new Executor() {
            @Override
            public void execute(Runnable task) {
                handler.post(task);
            }
        };
        return new Kept(new Session(workbench, work, ui), new Runnable() {
            @Override
            public void run() {
                // After what is under way: a runtime must not be freed while it runs.
                work.execute(new Runnable() {
                    @Override
                    public void run() {
                        workbench.close();
                    }
                });
                work.shutdown();
            }
        });
    }

    void end() {
        end.run();
    }

    private static String version(Context context) {
        try {
            return context.getPackageManager().getPackageInfo(context.getPackageName(), 0).versionName;
        } catch (PackageManager.NameNotFoundException e) {
            return "unknown";
        }
    }
}
