package org.dpocket.core;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/**
 * Small zip archives from strangers, read whole into memory within limits.
 *
 * <p>The limits are those of {@code runtime_py.captures.bounded_zip}: a package that one side writes, the other reads.
 */
public final class BoundedZip {
    static final int MIB = 1 << 20;
    static final int FILE = 64 * MIB;
    static final int MEMBER = 48 * MIB;
    static final int TOTAL = 96 * MIB;
    static final int COUNT = 32;
    /** How many times its packed size a member of more than SMALL bytes may have. */
    static final int RATIO = 200;
    static final int SMALL = 64 << 10;

    private static final int LONGEST_NAME = 100;
    private static final int END_BYTES = 22;
    private static final Pattern NAME =
        Pattern.compile("[A-Za-z0-9_\\-]+(\\.[A-Za-z0-9_\\-]+)*(/[A-Za-z0-9_\\-]+(\\.[A-Za-z0-9_\\-]+)*)*");
    private static final String COPY = "; copy it again";

    private final String file;
    private final Map<String, byte[]> members = new LinkedHashMap<String, byte[]>();
    private long total;

    private BoundedZip(String file) {
        this.file = file;
    }

    /** At most 64 MiB of a stream; DpException, which calls it {@code file}, for more. */
    public static byte[] bytes(InputStream in, String file) throws IOException, DpException {
        ByteArrayOutputStream kept = new ByteArrayOutputStream();
        byte[] buffer = new byte[SMALL];
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
            if (kept.size() + n > FILE) {
                throw new DpException(file + " has more than " + FILE / MIB + " MiB; no capture package has");
            }
            kept.write(buffer, 0, n);
        }
        return kept.toByteArray();
    }

    /** Every member by name, in order, held against its CRC-32. DpException says what is wrong with {@code file}. */
    public static Map<String, byte[]> read(byte[] data, String file) throws DpException {
        checkEnds(data, file);
        BoundedZip found = new BoundedZip(file);
        try {
            ZipInputStream in = new ZipInputStream(new ByteArrayInputStream(data));
            for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
                found.add(in, entry);
            }
        } catch (ZipException e) {
            throw new DpException(file + " is a damaged zip archive (" + e.getMessage() + ")" + COPY);
        } catch (EOFException e) {
            throw new DpException(file + " is cut short inside a member" + COPY);
        } catch (IOException e) {
            throw new DpException(file + " is a damaged zip archive (" + e.getMessage() + ")" + COPY);
        } catch (IllegalArgumentException e) {
            // What ZipInputStream makes of names that are not UTF-8, and of dates that no calendar has.
            throw new DpException(file + " is a damaged zip archive (" + e.getMessage() + ")" + COPY);
        }
        return found.members;
    }

    private static void checkEnds(byte[] data, String file) throws DpException {
        if (data.length == 0) {
            throw new DpException(file + " is empty (0 bytes)" + COPY);
        }
        if (data.length < 4 || data[0] != 'P' || data[1] != 'K' || data[2] != 3 || data[3] != 4) {
            throw new DpException(file + " is not a zip archive, whatever its name says");
        }
        int end = data.length - END_BYTES;
        if (end < 0 || data[end] != 'P' || data[end + 1] != 'K' || data[end + 2] != 5 || data[end + 3] != 6) {
            throw new DpException(file + " is cut short or has something behind it: no zip archive ends like this");
        }
    }

    private void add(ZipInputStream in, ZipEntry entry) throws IOException, DpException {
        String name = entry.getName();
        if (name.length() > LONGEST_NAME || !NAME.matcher(name).matches()) {
            throw new DpException(file + " has a member whose name is not safe");
        }
        if (members.containsKey(name)) {
            throw new DpException(file + " has two members called '" + name + "'");
        }
        if (members.size() == COUNT) {
            throw new DpException(file + " has more than " + COUNT + " members; a capture package has not");
        }
        byte[] content = inflated(in, name);
        in.closeEntry();
        long packed = entry.getCompressedSize();
        if (content.length > SMALL && packed >= 0 && content.length > RATIO * packed) {
            throw new DpException(file + ": '" + name + "' grew more than " + RATIO + " times; views of a sensor do not");
        }
        total += content.length;
        members.put(name, content);
    }

    private byte[] inflated(ZipInputStream in, String name) throws IOException, DpException {
        ByteArrayOutputStream kept = new ByteArrayOutputStream();
        byte[] buffer = new byte[SMALL];
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
            if (kept.size() + n > MEMBER) {
                throw new DpException(file + ": '" + name + "' has more than " + MEMBER / MIB + " MiB; no member has");
            }
            if (total + kept.size() + n > TOTAL) {
                throw new DpException(file + " inflates to more than " + TOTAL / MIB + " MiB; no capture package does");
            }
            kept.write(buffer, 0, n);
        }
        return kept.toByteArray();
    }

    /** Writes an archive of {@code members} in their order. DpException for what {@link #read} would refuse. */
    public static void write(OutputStream out, Map<String, byte[]> members) throws IOException, DpException {
        long sum = 0;
        for (Map.Entry<String, byte[]> member : members.entrySet()) {
            sum += member.getValue().length;
            if (!NAME.matcher(member.getKey()).matches() || member.getKey().length() > LONGEST_NAME) {
                throw new DpException("A package cannot have a member called '" + member.getKey() + "'");
            }
            if (member.getValue().length > MEMBER) {
                throw new DpException("'" + member.getKey() + "' is larger than " + MEMBER / MIB + " MiB");
            }
        }
        if (members.size() > COUNT || sum > TOTAL) {
            throw new DpException("A package holds " + COUNT + " members and " + TOTAL / MIB + " MiB at most");
        }
        ZipOutputStream zip = new ZipOutputStream(out);
        for (Map.Entry<String, byte[]> member : members.entrySet()) {
            ZipEntry entry = new ZipEntry(member.getKey());
            entry.setTime(0);
            if (growsTooMuch(member.getValue())) {
                setStored(entry, member.getValue());
            }
            zip.putNextEntry(entry);
            zip.write(member.getValue());
            zip.closeEntry();
        }
        zip.finish();
        zip.flush();
    }

    /** Whether a reader would take the packed member for a bomb, as it would a picture without any light. */
    private static boolean growsTooMuch(byte[] content) {
        if (content.length <= SMALL) {
            return false;
        }
        Deflater deflater = new Deflater(Deflater.DEFAULT_COMPRESSION, true);
        deflater.setInput(content);
        deflater.finish();
        byte[] buffer = new byte[SMALL];
        long packed = 0;
        while (!deflater.finished()) {
            packed += deflater.deflate(buffer);
        }
        deflater.end();
        return content.length > RATIO * (packed - 64);
    }

    private static void setStored(ZipEntry entry, byte[] content) {
        CRC32 crc = new CRC32();
        crc.update(content);
        entry.setMethod(ZipEntry.STORED);
        entry.setSize(content.length);
        entry.setCrc(crc.getValue());
    }
}
