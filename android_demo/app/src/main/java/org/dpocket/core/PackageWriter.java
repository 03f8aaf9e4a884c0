package org.dpocket.core;

import java.io.IOException;
import java.io.OutputStream;

/** Writes capture packages in the background, one at a time, and says how it went. */
final class PackageWriter {
    /** Is told, on the screen's thread, that writing began, and how it ended. */
    interface Listener {
        void said(String words);
    }

    private final Device device;
    private final Background background;
    private final Listener listener;
    private boolean isWriting;

    PackageWriter(Device device, Background background, Listener listener) {
        this.device = device;
        this.background = background;
        this.listener = listener;
    }

    boolean isWriting() {
        return isWriting;
    }

    /** Closes {@code out} whatever happens; {@code name} is for the words. */
    void write(final Device.Views views, final Device.Found found, final OutputStream out, final String name) {
        isWriting = true;
        listener.said("Writing " + name + " \u2026");
        background.start(new Background.Job() {
            @Override
            void work() throws Exception {
                try {
                    device.export(views, found, out);
                } finally {
                    out.close();
                }
            }

            @Override
            void done() {
                ended(name + " is written; `dpocket run` and `dpocket parity` read it.");
            }

            @Override
            void failed(Throwable thrown) {
                ended(name + " is not written. " + Words.of(thrown));
            }
        });
    }

    /** There is nothing to write: Android may have ended the app while its picker was open. */
    void refuse(OutputStream out) {
        try {
            out.close();
        } catch (IOException e) {
            // Nothing was written, so nothing is lost.
        }
        listener.said("There is no capture to write any more; open it again.");
    }

    private void ended(String words) {
        isWriting = false;
        listener.said(words);
    }
}
