package dohle.conformance;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

/** The test classes in the published jars that start a cluster. */
final class Tests {
    /** Artifacts with tests, and how commands call them. */
    private static final Map<String, String> ARTIFACTS = new LinkedHashMap<>();
    /** A class that starts a cluster names one of these, or a class above it does. */
    private static final List<String> MARKS = List.of(
        "Lorg/apache/kafka/common/test/api/ClusterTest;", "Lorg/apache/kafka/common/test/api/ClusterTests;",
        "Lorg/apache/kafka/common/test/api/ClusterTemplate;", "org/apache/kafka/common/test/KafkaClusterTestKit",
        "org/apache/kafka/streams/integration/utils/EmbeddedKafkaCluster");

    static {
        ARTIFACTS.put("clients", "kafka-clients-integration-tests");
        ARTIFACTS.put("core", "kafka_2.13");
        ARTIFACTS.put("tools", "kafka-tools");
        ARTIFACTS.put("server", "kafka-server");
        ARTIFACTS.put("streams", "kafka-streams-integration-tests");
    }

    /** @param type the full name */
    record TestClass(String module, String type) {
        String simpleName() {
            return Ids.simple(type);
        }

        /** Whether the invocation is one of this class or of a class in it. */
        boolean holds(Result.Id id) {
            return id.module().equals(module) && id.testClass().equals(simpleName());
        }
    }

    private Tests() {}

    /** The artifact of a module. */
    static String artifact(String module) {
        return ARTIFACTS.get(module);
    }

    /** All test classes, module by module. */
    static List<TestClass> all() {
        List<TestClass> found = new ArrayList<>();
        ARTIFACTS.forEach((module, artifact) -> {
            List<TestClass> own = classes(artifact).stream()
                .filter(Tests::startsCluster).map(type -> new TestClass(module, type.getName()))
                .sorted(Comparator.comparing(TestClass::simpleName)).toList();
            long names = own.stream().map(TestClass::simpleName).distinct().count();
            if (names != own.size()) {
                throw new IllegalStateException("two test classes of " + artifact + " have the same simple name");
            }
            found.addAll(own);
        });
        return found;
    }

    private static List<Class<?>> classes(String artifact) {
        List<Class<?>> classes = new ArrayList<>();
        for (String element : System.getProperty("java.class.path").split(File.pathSeparator)) {
            String name = new File(element).getName();
            if (!name.startsWith(artifact + "-") || !name.endsWith("-test.jar")
                || !Character.isDigit(name.charAt(artifact.length() + 1))) {
                continue;
            }
            try (JarFile jar = new JarFile(element)) {
                jar.stream().map(JarEntry::getName)
                    .filter(entry -> entry.endsWith("Test.class") && !entry.contains("$"))
                    .map(entry -> entry.substring(0, entry.length() - ".class".length()).replace('/', '.'))
                    .forEach(type -> classes.add(load(type)));
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
        return classes;
    }

    private static Class<?> load(String type) {
        try {
            return Class.forName(type, false, Tests.class.getClassLoader());
        } catch (ClassNotFoundException | LinkageError error) {
            // What it extends is not on the class path: no test of a cluster.
            return Object.class;
        }
    }

    private static boolean startsCluster(Class<?> type) {
        if (Modifier.isAbstract(type.getModifiers())) {
            return false;
        }
        for (Class<?> each = type; each != null && each != Object.class; each = each.getSuperclass()) {
            try (InputStream code = Tests.class.getResourceAsStream("/" + each.getName().replace('.', '/') + ".class")) {
                String text = new String(code.readAllBytes(), StandardCharsets.ISO_8859_1);
                if (MARKS.stream().anyMatch(text::contains)) {
                    return true;
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
        return false;
    }
}
