package org.dpocket.app;

import android.content.ClipData;
import android.content.ContentResolver;
import android.content.Intent;
import android.database.Cursor;
import android.net.Uri;
import android.provider.OpenableColumns;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.dpocket.core.Device;

/** A document of Android's picker. */
final class PickedFile implements Device.Source {
    private final ContentResolver resolver;
    private final Uri uri;
    private final String name;

    PickedFile(ContentResolver resolver, Uri uri) {
        this.resolver = resolver;
        this.uri = uri;
        this.name = nameOf(resolver, uri);
    }

    /** All documents of the picker's answer. */
    static List<Device.Source> in(Intent answer, ContentResolver resolver) {
        List<Device.Source> files = new ArrayList<Device.Source>();
        ClipData several = answer.getClipData();
        if (several != null) {
            for (int i = 0; i < several.getItemCount(); i++) {
                files.add(new PickedFile(resolver, several.getItemAt(i).getUri()));
            }
        } else if (answer.getData() != null) {
            files.add(new PickedFile(resolver, answer.getData()));
        }
        return files;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public InputStream open() throws IOException {
        InputStream stream = resolver.openInputStream(uri);
        if (stream == null) {
            throw new FileNotFoundException(name);
        }
        return stream;
    }

    /** The name that a person sees, which the address need not hold. */
    static String nameOf(ContentResolver resolver, Uri uri) {
        String fallback = uri.getLastPathSegment() == null ? "file" : uri.getLastPathSegment();
        try {
            Cursor cursor = resolver.query(uri, new String[] {OpenableColumns.DISPLAY_NAME}, null, null, null);
            if (cursor == null) {
                return fallback;
            }
            try {
                return cursor.moveToFirst() && cursor.getString(0) != null ? cursor.getString(0) : fallback;
            } finally {
                cursor.close();
            }
        } catch (RuntimeException e) {
            // Providers are other apps' code; a name is not worth a crash.
            return fallback;
        }
    }
}
