import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Enumeration;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.ClassWriter;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/**
 * Makes a jar of stubs usable in tests: methods return 0, false or null instead of throwing, nothing is final.
 *
 * <p>Usage: {@code java -cp asm.jar Mockable.java stubs.jar mockable.jar}. Gradle does the same to android.jar for unit
 * tests with {@code returnDefaultValues}; a test then subclasses an activity's framework or has Mockito replace it.
 */
public final class Mockable {
  private static final int API = Opcodes.ASM9;

  private Mockable() {}

  public static void main(String[] arguments) throws IOException {
    int count = 0;
    try (JarFile stubs = new JarFile(arguments[0]);
        OutputStream file = Files.newOutputStream(Paths.get(arguments[1]));
        JarOutputStream out = new JarOutputStream(file)) {
      for (Enumeration<JarEntry> entries = stubs.entries(); entries.hasMoreElements(); ) {
        JarEntry entry = entries.nextElement();
        if (!entry.getName().endsWith(".class")) {
          continue;
        }
        try (InputStream in = stubs.getInputStream(entry)) {
          JarEntry made = new JarEntry(entry.getName());
          made.setTime(0);
          out.putNextEntry(made);
          out.write(rewritten(new ClassReader(in)));
          count++;
        }
      }
    }
    System.out.println(count + " classes");
  }

  private static byte[] rewritten(ClassReader stub) {
    ClassWriter writer = new ClassWriter(ClassWriter.COMPUTE_MAXS);
    stub.accept(new Rewriter(writer), ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
    return writer.toByteArray();
  }

  /** Everything of a class but final and the bodies. */
  private static final class Rewriter extends ClassVisitor {
    private String superclass;
    private boolean isEnum;

    Rewriter(ClassVisitor next) {
      super(API, next);
    }

    @Override
    public void visit(int version, int access, String name, String signature, String above, String[] interfaces) {
      superclass = above;
      isEnum = (access & Opcodes.ACC_ENUM) != 0;
      super.visit(version, withoutFinal(access), name, signature, above, interfaces);
    }

    @Override
    public void visitInnerClass(String name, String outer, String inner, int access) {
      super.visitInnerClass(name, outer, inner, withoutFinal(access));
    }

    @Override
    public MethodVisitor visitMethod(int access, String name, String descriptor, String signature, String[] thrown) {
      boolean constructor = name.equals("<init>");
      boolean keep = name.equals("<clinit>") || (access & Opcodes.ACC_ABSTRACT) != 0;
      // What the compiler gives an enum: its constants would not come to be without it.
      keep |= isEnum && (constructor || (access & Opcodes.ACC_STATIC) != 0);
      int open = keep ? access : access & ~(Opcodes.ACC_FINAL | Opcodes.ACC_NATIVE);
      MethodVisitor method = super.visitMethod(open, name, descriptor, signature, thrown);
      if (keep) {
        return method;
      }
      if (constructor) {
        return new SuperCall(method, superclass);
      }
      method.visitCode();
      pushDefault(method, Type.getReturnType(descriptor));
      method.visitInsn(Type.getReturnType(descriptor).getOpcode(Opcodes.IRETURN));
      method.visitMaxs(0, 0);
      method.visitEnd();
      return null;
    }

    private static int withoutFinal(int access) {
      return (access & Opcodes.ACC_ENUM) != 0 ? access : access & ~Opcodes.ACC_FINAL;
    }
  }

  /** Writes a constructor that calls, with default values, the constructor above that the stub calls, and returns. */
  private static final class SuperCall extends MethodVisitor {
    private final MethodVisitor method;
    private final String superclass;
    private boolean written;

    SuperCall(MethodVisitor method, String superclass) {
      super(API);
      this.method = method;
      this.superclass = superclass;
    }

    @Override
    public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
      if (written || !owner.equals(superclass) || !name.equals("<init>")) {
        return;
      }
      written = true;
      method.visitCode();
      method.visitVarInsn(Opcodes.ALOAD, 0);
      for (Type parameter : Type.getArgumentTypes(descriptor)) {
        pushDefault(method, parameter);
      }
      method.visitMethodInsn(Opcodes.INVOKESPECIAL, owner, name, descriptor, false);
      method.visitInsn(Opcodes.RETURN);
      method.visitMaxs(0, 0);
      method.visitEnd();
    }
  }

  private static void pushDefault(MethodVisitor method, Type type) {
    switch (type.getSort()) {
      case Type.VOID:
        break;
      case Type.LONG:
        method.visitInsn(Opcodes.LCONST_0);
        break;
      case Type.FLOAT:
        method.visitInsn(Opcodes.FCONST_0);
        break;
      case Type.DOUBLE:
        method.visitInsn(Opcodes.DCONST_0);
        break;
      case Type.OBJECT:
      case Type.ARRAY:
        method.visitInsn(Opcodes.ACONST_NULL);
        break;
      default:
        method.visitInsn(Opcodes.ICONST_0);
    }
  }
}
