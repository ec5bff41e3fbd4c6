import sqlite3 from "sqlite3";

/** @param mode such as `sqlite3.OPEN_READONLY` */
export function openConnection(path: string, mode: number): Promise<sqlite3.Database> {
  return new Promise((resolve, reject) => {
    const connection = new sqlite3.Database(path, mode, (error) => {
      if (error === null) resolve(connection);
      else reject(error);
    });
  });
}

/**
 * Closes a connection. Does nothing if the connection has prepared statements, because SQLite does not close it then.
 */
export function closeConnection(connection: sqlite3.Database): Promise<void> {
  return new Promise((resolve) => {
    connection.close(() => {
      resolve();
    });
  });
}
