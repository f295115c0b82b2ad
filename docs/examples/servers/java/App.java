import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** Takes the socket that is descriptor 0, and drains at SIGTERM. */
public class App {
  public static void main(String[] args) throws Exception {
    ServerSocketChannel server = (ServerSocketChannel) System.inheritedChannel();
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      try {
        server.close();
        main.join();
      } catch (IOException | InterruptedException error) {
        error.printStackTrace();
      }
    }));
    ExecutorService answering = Executors.newFixedThreadPool(8);
    try {
      while (true) {
        Socket client = server.accept().socket();
        answering.execute(() -> answer(client));
      }
    } catch (ClosedChannelException stopping) {
      answering.shutdown();
      answering.awaitTermination(60, TimeUnit.SECONDS);
    }
  }

  private static void answer(Socket client) {
    try (client) {
      var lines = new BufferedReader(new InputStreamReader(client.getInputStream()));
      for (String line = lines.readLine(); line != null && !line.isEmpty(); line = lines.readLine());
      String body = "Hello\n";
      String head = "HTTP/1.1 200 OK\r\nContent-Length: " + body.length() + "\r\nConnection: close\r\n\r\n";
      client.getOutputStream().write((head + body).getBytes());
    } catch (IOException gone) {
      // The client is.
    }
  }
}
